"""Spans of exports and shipments by OpenTelemetry's own SDK. Loaded only where they are asked for."""
