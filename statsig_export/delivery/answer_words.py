"""The words that may be kept of an answer: everything else in it is left out (answer_text.py).

They are the words in which servers, proxies, gateways and validators say what is wrong with a request, the names of our
own fields, and names of HTTP. No name of a person, a place or a product of others is one, but for servers and gateways.
A word belongs here when it helps to understand a refusal, and says nothing about whom an event is of.
"""

from collections.abc import Mapping
from typing import Final

_FIELD_NAMES = """
    appIdentifier appVersion country customIDs deviceModel environment event eventName events experiment exposure
    exposures gate gateValue group groupName ID ids layer locale metadata param privateAttributes rule ruleID
    sdkType sdkVersion secondaryExposures stableID statsigEnvironment statsigMetadata time timestamp timeUUID unitID
    user userAgent userID uuid value
"""
FIELDS: Final = frozenset(_FIELD_NAMES.split())
"""Names of our own fields, which every request holds."""

_PLACES = """
    body byte bytes char character characters code col column depth element elements entries entry error event events
    HTTP index item items least length limit line lines max maximum min minimum most offset pos position record records
    row rows size status statusCode than
"""
POSITIONS: Final = frozenset(_PLACES.split())
"""An integer right after one of these is a place in the request, a limit or a status."""

STATUS_LINES: Final[Mapping[int, str]] = {
    200: "OK",
    201: "created",
    202: "accepted",
    204: "no",
    301: "moved",
    302: "found",
    303: "see",
    307: "temporary",
    308: "permanent",
    400: "bad",
    401: "unauthorized",
    402: "payment",
    403: "forbidden",
    404: "not",
    405: "method",
    406: "not",
    407: "proxy",
    408: "request",
    409: "conflict",
    410: "gone",
    411: "length",
    412: "precondition",
    413: "request",
    414: "request",
    415: "unsupported",
    421: "misdirected",
    422: "unprocessable",
    423: "locked",
    424: "failed",
    425: "too",
    426: "upgrade",
    428: "precondition",
    429: "too",
    431: "request",
    451: "unavailable",
    500: "internal",
    501: "not",
    502: "bad",
    503: "service",
    504: "gateway",
    505: "HTTP",
    507: "insufficient",
    508: "loop",
    511: "network",
}
"""The word that follows a status code where a page repeats its status line: `400 Bad Request`."""

_HTTP = """
    Accept-Encoding Cache-Control Content-Encoding Content-Length Content-Type ETag If-Match If-None-Match Keep-Alive
    Proxy-Authenticate Proxy-Authorization Referer Retry-After Set-Cookie Transfer-Encoding User-Agent WWW-Authenticate
    X-Api-Key X-Forwarded-For X-Forwarded-Proto X-Fivetran-Hmac-Sign X-Request-Id X-Signature webhook-id
    webhook-timestamp webhook-attempt webhook-signature
    CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT TRACE connect delete get head options patch post put trace
    HTTP/1.0 HTTP/1.1 HTTP/1.x HTTP/2 HTTP/3 HTTP2 HTTP3 HTTPS SSL
    TLS TCP UDP IP IPv4 IPv6 DNS CORS CSRF CSRFToken HMAC JWT OAuth OAuth2 SAML SSO MD5 SHA1 SHA256 SHA-256 SHA512
    SHA-512 API APIs REST RPC gRPC SQL JSON XML HTML CSV YAML Avro Protobuf MIME URL URLs URI URIs UTF-8 UTF8 UTF-16
    ASCII Unicode Base64 gzip deflate brotli zstd chunked identity multipart JavaScript NaN
    application/json application/xml application/octet-stream application/x-www-form-urlencoded application/problem+json
    text/html text/plain text/json multipart/form-data charset=utf-8
"""

_SERVERS = """
    nginx OpenResty Apache Caddy Envoy HAProxy Traefik Varnish Squid IIS Tomcat Jetty Express Flask Django FastAPI
    Uvicorn Gunicorn Werkzeug Spring Rails Sinatra Actix Axum Kong Tyk Istio Akamai Fastly Cloudflare CloudFront AWS
    Azure GCP ELB ALB WAF CDN Kubernetes ingress Fivetran Statsig
    RequestId requestId request_id errorCode errorMessage error_code error_description statusCode
    AccessDenied AccessDeniedException AuthenticationError AuthorizationError BadGateway BadRequest BadRequestException
    ConnectionError DecodeError EOF EOFException ExpiredToken ForbiddenException GatewayTimeout HTTPException
    IllegalArgumentException IncompleteSignatureException InternalError InternalFailure InternalServerError
    InternalServerErrorException InvalidArgument InvalidRequest InvalidSignature InvalidSignatureException InvalidToken
    JSONDecodeError JsonParseException LimitExceeded LimitExceededException MethodNotAllowed
    MissingAuthenticationToken MissingAuthenticationTokenException NotFound NotFoundException NullPointerException
    ParseError PayloadTooLarge RateLimitExceeded RequestEntityTooLarge RequestTimeout RequestTooLarge
    ResourceNotFoundException ServiceUnavailable ServiceUnavailableException SignatureDoesNotMatch SyntaxError
    Throttling ThrottlingException TimeoutError TimeoutException TooManyRequests TooManyRequestsException TypeError
    Unauthenticated Unauthorized UnauthorizedException UnexpectedException UnrecognizedClientException
    UnsupportedMediaType ValidationError ValidationException ValueError KeyError
    access_denied already_exists api_error authentication_error authentication_failed bad_request bool_parsing
    datetime_parsing dict_type extra_forbidden float_parsing float_type int_from_float int_parsing int_type
    internal_error internal_server_error invalid_api_key invalid_client invalid_field invalid_grant invalid_json
    invalid_payload invalid_request invalid_signature invalid_token invalid_type json_invalid limit_exceeded list_type
    method_not_allowed missing_field model_attributes_type not_found payload_too_large quota_exceeded
    rate_limit_exceeded rate_limited server_error service_unavailable string_too_long string_too_short string_type
    timeout_error too_many_requests type_error type_error.integer type_error.str unauthorized unsupported_media_type
    unexpected_error validation_error value_error value_error.missing value_error.jsondecode
"""

_GRAMMAR = """
    a an the this that these those there here it its you your we our they their them one two three first second last
    next previous other another each every any all both some none no not nor neither either or and but if then else
    when where while which what who whose why how as at by for from in into of off on onto out over per since than
    through to under until up upon via with within without about above after again against along already also always
    before below between beyond during except instead least less like likely many may maybe might more most much must
    near never now often once only otherwise own perhaps please rather same several should so soon still such too
    twice unless usually very was were will would yes yet am are be been being is has have having had do does doing
    did done can cannot could can't couldn't doesn't didn't don't isn't wasn't aren't won't wouldn't hasn't haven't
    you're it's let's
"""

_SAYING = """
    abort aborted absent accept accepted acceptable accepts access account acknowledge acknowledged action active
    actual actually add added additional additionalProperties address administrator alias allow allowed allows
    alternative ambiguous anonymous answer answered anyOf app appear appears application applied apply argument
    arguments array arrays ask assert assertion assigned associated attached attempt attempted attempts attribute
    attributes audience
    authenticate authenticated authenticating authentication authenticity author authority authorization authorize
    authorized automatic automatically available await
    back backend background bad balancer bandwidth base based basic batch batches bearer because become began begin
    beginning behind big binary blank block blocked blocks body boolean bool boundary broken browser buffer bug busy
    byte bytes
    cache call called caller came cancel canceled cancelled canonical capacity cause caused causes certificate
    certificates chain challenge change changed channel char character characters charset check checked checks
    checksum choose chunk cipher claim claims clear client clients clock close closed code codes col collection colon
    column columns combination comes comma comment common communicate communicating compatible complete completed
    completely component compressed compression concurrent condition config configuration configure configured
    conflict conflicting conflicts confirm connect connected connecting connection connections connector connectors
    constant constraint constraints contact contain contained contains content context continue control conversion
    convert converted cookies copy correct corrected correctly corrupt corrupted count create created creating
    credential credentials cross current currently custom cut
    data database date datetime day days deactivated dead deadline debug decimal declared decode decoded decoding
    decompress default defined definition delay delayed deleted delete delimiter delivered delivery denied deny
    dependency deployed deployment deprecated depth describe describes description deserialize destination destinations
    detail details detected determine developer device dictionary dict diff differ different digest digit digits
    dimension direct directly directory disable disabled disallowed disconnect disconnected discriminator disk
    dispatch document documentation documents domain down downstream draft dropped due duplicate duplicated duplicates
    duration
    early edge effect element elements empty enable enabled encode encoded encoding encountered encrypted encryption
    end ended ending endpoint endpoints ends enough ensure enter entire entirely entities entity entries entry enum
    enumeration environments equal equals err error errors errorMessages escape escaped exact exactly exceed exceeded
    exceeding exceeds exception exceptions exclusiveMaximum exclusiveMinimum execute executed executing execution exist
    existing exists expect expected expecting expects expiration expire expired expires explicit exponent expression
    extend extension external extra
    factor fail failed failing fails failure failures false fast fatal fault feature few field fields file files
    filter final find finish finished firewall flag flags float follow followed following forbidden force form format
    formats formatted forms forward forwarded found fraction fragment free full fully function further
    garbage gateway general generated generic given gives go goes going gone good got granularity greater guide
    handle handled handler handling handshake hang happened hash header headers health healthy help hex hexadecimal
    high hint hit hold home hook hop hostname hour hours however
    identification identifier identifiers identity ignore ignored illegal immediately implementation implemented
    improper improperly inactive include included includes including incoming incompatible incomplete incorrect
    incorrectly independent index indexes indicate indicates info inform information ingest ingested ingestion initial
    inner input inputs insert inserted insecure inside inspect installed instance instances instead insufficient int
    int32 int64 integer integers integration intended internal interrupted invalid invocation invoke issue issued
    issuer issues item items iteration
    job join just
    host fetch fetched closing cookie upgrade trailer
    keep kept key keys keyword kilobytes kind know known knows
    label lacks language large larger largest late latency later latest leading leaf left legacy length lengths level
    leave license limit limited limits line lines link list listed listening lists literal little load loaded loading
    loc local located location lock locked log logged login logs long longer look lookup loop lost low lowercase
    machine made main maintenance make makes malformed malicious management manager manual map mapped mapping match
    matched matches matching max maximum maxItems maxLength meaning means media medium megabytes member members memory
    message messages method methods middleware migration millisecond milliseconds min minimum minItems minLength
    minute minutes misconfigured misdirected mismatch mismatched missing mistake mode model modified module moment
    month moved msg multiple mutually
    name named names namespace native necessary need needed needs negative nested nesting network new nil node nonce
    non-empty non-negative non-null non-string normal notation note nothing notice null nullable number numbers numeric
    obj object objects obtain occur occurred occurs offset ok OK old older oneOf online open operation operations
    operator option optional options order organization origin original outdated output outside overflow overload
    overloaded override owner
    packet page pages pair panic parameter parameters params parent parse parsed parser parses parsing part partial
    partially parts pass passed password past path paths pattern patterns payload payloads payment peer pending per
    perform performed period periods permanent permanently permission permissions permit permitted persist persists
    phase pipeline plain platform point points policies policy pool port portion pos position positive possible
    possibly precision precondition prefix prerequisite presence present prevent prevented primary principal print
    printable private problem problems proceed process processed processing produced profile program prohibited project
    propertyNames properties property protected protocol protocols provide provided provider provides proxies proxy
    public publish purpose
    qualified quantity queries query queue quick quickly quota quotas quote quoted quotes
    raised random range ranges rate rates raw reach reached reaching read readable reading reads ready real realm
    reason reasons receive received receiving recent recognize recognized recommended reconnect record records recover
    redirect redirected redirects reduce refer reference referenced refresh refused refuses refuse regex region register
    registered reject rejected rejects related release reload remaining remote removed remove rename renewed repeat
 repeats
    repeated replace replaced replay report reported repository represent representation request requested requester
    requests require required requirement requirements requires reserved reset resolution resolve resolved resolver
    resolving resource resources respond responded responding response responses rest restart restarted restricted
    restriction result results retried retries retry retrying return returned returns revoked rewrite role roles root
    rotated round route routed router routes routing row rows rules run running runtime
    safe satisfied satisfy save saved schedule scheduled schema schemas scheme scope scopes script search seconds secret
    section secure security see segment selected self send sender sending sensitive sent separate separated separator
    sequence serial serialization serialize serialized server servers service services session sessions set sets
    settings setup shape short shorter shut shutdown sign signature signatures signed signing similar simple single
    site size sizes skipped slash slow small smaller socket software something sorry source space spaces special
    specific specification specified specify stack stage stale standalone standard start started starting starts state
    statement status step stop stopped storage store stored str stream streaming streams string strings strict strictly
    structure style sub subject submitted subscription subset succeed succeeded success successful successfully
    sufficient suffix supplied supply support supported supports supposed surrogate suspended switch symbol sync syntax
    system systems
    table tables tag take taken takes target temporarily temporary tenant terminated test text thing things third
    thousands thread threshold throttle throttled throttling throw thrown ticket tier times timed
    timeout timeouts timezone
    token tokens too took tool top total trace track traffic trailing transaction transfer transform transient
    transport tried trigger true truncated trusted try trying tuple tunnel turn type typed types
    unable unacceptable unauthenticated unauthorised unavailable unchanged unclosed undefined undeliverable undetermined
    unescaped unexpected unexpectedly unhandled unhealthy unicode unimplemented unique uniqueItems unit units unknown
    unmarshal unparseable unpermitted unprocessable unreachable unreadable unrecognized unresolved unsafe unsigned
    unspecified unsuccessful unsupported unterminated untrusted unused unusual unverified upgraded update updated
    upload upper uppercase upstream usage use used username users uses using
    valid validate validated validating validation validator values variable variables variant various verification
    verified verify verifying version versions view violated violates violation visit
    wait waiting want warning way web webhook webhooks website went whitespace whole window word work worked worker
    working works workspace write written wrong
    year zero zone
    backslash brace braces bracket brackets colons double-quoted enclosed codepoint codec exponents keyed looking
    parenthesis delimiters unbalanced operand decoder encoder lexer prematurely premature
    entity-too-large rate-limit rate-limited read-only write-only well-formed time-out sign-in signed-in out-of-range
    logging allow-list block-list deny-list self-signed
"""

WORDS: Final = frozenset({*_SAYING.split(), *_GRAMMAR.split(), *_HTTP.split(), *_SERVERS.split(), *POSITIONS, *FIELDS})
SPELLINGS: Final[Mapping[str, str]] = {word.lower(): word for word in sorted(WORDS)}
"""Lower-case word -> how it is shown; of two (`POST`, `post`) the lower-case one."""
