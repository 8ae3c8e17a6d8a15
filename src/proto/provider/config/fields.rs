use crate::proto::provider::fallback::MAX_FALLBACKS;

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Fields of its own.
    Object,
    /// Text that is not empty.
    Text,
    /// An address, `http` or `https`.
    Url,
    /// A list of texts, at most so many.
    Texts(usize),
    /// A list of configurations of further endpoints, at most so many.
    Endpoints(usize),
    /// Yes or no, and the default.
    Flag(bool),
    /// A whole number: least, most, default.
    Integer(Option<i64>, Option<i64>, i64),
    /// A number that is not negative, such as dollars; 0 is the default.
    Amount,
    /// Texts by name: no control character in them, and names that a header or a query can have.
    Map,
    /// One of these; the first is the default unless the field is required.
    Word(&'static [&'static str]),
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) path: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
    /// Only with this `auth.type`.
    pub(super) when: &'static str,
    /// Its value is never shown.
    pub(super) secret: bool,
    pub(super) about: &'static str,
    pub(super) remedy: &'static str,
}

const fn row(path: &'static str, kind: Kind, about: &'static str, remedy: &'static str) -> Field {
    Field {
        path,
        kind,
        required: false,
        when: "",
        secret: false,
        // The schema is written natively: the wasm has no use for these texts.
        about: if cfg!(target_arch = "wasm32") { "" } else { about },
        remedy,
    }
}

const fn required(field: Field) -> Field {
    Field {
        required: true,
        ..field
    }
}

const fn secret(field: Field) -> Field {
    Field { secret: true, ..field }
}

const fn when(kind: &'static str, field: Field) -> Field {
    Field { when: kind, ..field }
}

const fn within(least: i64, most: i64, default: i64) -> Kind {
    Kind::Integer(Some(least), Some(most), default)
}

/// Parents stand before their fields.
pub(super) const FIELDS: &[Field] = &[
    required(row(
        "apiEndpoint",
        Kind::Url,
        "API endpoint URL",
        "Give the address with its version, such as https://opencode.ai/zen/v1.",
    )),
    row(
        "apiVersion",
        Kind::Text,
        "API version, sent as apiVersionIn says",
        "Leave it out, or give the version as text.",
    ),
    row(
        "apiVersionIn",
        Kind::Word(&["header", "path"]),
        "Where the version goes: the header api-version, or the end of the endpoint's path",
        "Use header or path.",
    ),
    secret(row(
        "headers",
        Kind::Map,
        "Headers of every request",
        "Give texts by name, such as { \"x-opencode-session\": \"s1\" }.",
    )),
    row(
        "query",
        Kind::Map,
        "Query of every request",
        "Give texts by name, such as { \"region\": \"eu\" }. Keys do not belong there.",
    ),
    required(row(
        "auth",
        Kind::Object,
        "How requests are authenticated",
        "Give { \"type\": \"api-key\", \"apiKey\": … }, or { \"type\": \"none\" } for a server that asks for no key.",
    )),
    required(row(
        "auth.type",
        Kind::Word(&["api-key", "oauth", "jwt", "none"]),
        "Kind of authentication",
        "Use api-key, oauth, jwt, or none for a server that asks for no key.",
    )),
    when(
        "api-key",
        secret(required(row(
            "auth.apiKey",
            Kind::Text,
            "API key",
            "Give the key that the provider shows in its console.",
        ))),
    ),
    when(
        "oauth",
        required(row(
            "auth.clientId",
            Kind::Text,
            "OAuth client ID",
            "Register a client with the provider and give its ID.",
        )),
    ),
    when(
        "oauth",
        secret(row(
            "auth.clientSecret",
            Kind::Text,
            "OAuth client secret, for servers alone",
            "Leave it out in pages: they use PKCE.",
        )),
    ),
    when(
        "oauth",
        required(row(
            "auth.tokenUrl",
            Kind::Url,
            "OAuth token URL",
            "Give the token endpoint of the authorization server.",
        )),
    ),
    when(
        "oauth",
        row(
            "auth.scopes",
            Kind::Texts(usize::MAX),
            "OAuth scopes",
            "Give a list of texts.",
        ),
    ),
    when(
        "jwt",
        secret(required(row(
            "auth.privateKey",
            Kind::Text,
            "JWT private key (PEM format)",
            "Give a PKCS#8 key: -----BEGIN PRIVATE KEY-----.",
        ))),
    ),
    when(
        "jwt",
        row("auth.subject", Kind::Text, "JWT subject", "Give it as text."),
    ),
    when(
        "jwt",
        row("auth.audience", Kind::Text, "JWT audience", "Give it as text."),
    ),
    when(
        "jwt",
        row(
            "auth.algorithm",
            Kind::Word(&["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]),
            "JWT algorithm",
            "Use one that fits the key: RS… for RSA, ES… for elliptic curves.",
        ),
    ),
    when(
        "jwt",
        row(
            "auth.expiresIn",
            Kind::Integer(Some(1), None, 3_600),
            "JWT expiration time in seconds",
            "Give seconds, such as 3600.",
        ),
    ),
    required(row(
        "rateLimits",
        Kind::Object,
        "Limits of requests and tokens",
        "Give { \"requestsPerMinute\": 60, \"tokensPerMinute\": 60000 }.",
    )),
    required(row(
        "rateLimits.requestsPerMinute",
        within(1, 1_000, 60),
        "Maximum requests per minute",
        "Give what the provider's plan allows.",
    )),
    required(row(
        "rateLimits.tokensPerMinute",
        within(1_000, 1_000_000, 60_000),
        "Maximum tokens per minute",
        "Give what the provider's plan allows.",
    )),
    row(
        "rateLimits.concurrentRequests",
        within(1, 20, 5),
        "Maximum concurrent requests",
        "Browsers open six connections to a host: 5 is a good choice.",
    ),
    row(
        "rateLimits.maxQueueSize",
        within(10, 1_000, 100),
        "Maximum queue size for pending requests",
        "Give a number of requests.",
    ),
    row(
        "rateLimits.maxWait",
        within(1_000, 3_600_000, 120_000),
        "Longest wait for room in milliseconds; what would wait longer is refused",
        "Give milliseconds.",
    ),
    row(
        "models",
        Kind::Object,
        "Which models are used",
        "Give an object, or leave it out.",
    ),
    row(
        "models.defaultModel",
        Kind::Text,
        "Default model to use",
        "Give an id from the list of models.",
    ),
    row(
        "models.enabledModels",
        Kind::Texts(usize::MAX),
        "List of enabled model IDs",
        "Give a list of ids; leave it out for all.",
    ),
    row(
        "models.autoDiscovery",
        Kind::Flag(true),
        "Automatically discover available models",
        "Give true or false.",
    ),
    row(
        "models.cacheTimeout",
        Kind::Integer(Some(0), None, 300),
        "Model cache timeout in seconds",
        "Give seconds, such as 300.",
    ),
    row(
        "features",
        Kind::Object,
        "What is switched on",
        "Give an object, or leave it out.",
    ),
    row(
        "features.streaming",
        Kind::Flag(true),
        "Enable streaming responses",
        "Give true or false.",
    ),
    row(
        "features.codeCompletion",
        Kind::Flag(true),
        "Enable code completion mode",
        "Give true or false.",
    ),
    row(
        "features.codeAnalysis",
        Kind::Flag(true),
        "Enable code analysis features",
        "Give true or false.",
    ),
    row(
        "features.customParameters",
        Kind::Flag(true),
        "Allow custom model parameters",
        "Give true or false.",
    ),
    row(
        "retry",
        Kind::Object,
        "What is tried again",
        "Give an object, or leave it out.",
    ),
    row(
        "retry.maxTries",
        within(1, 10, 4),
        "Tries in all",
        "Give 1 for no second try.",
    ),
    row(
        "fallback",
        Kind::Object,
        "What is asked when the endpoint or the model fails",
        "Give an object, or leave it out.",
    ),
    row(
        "fallback.models",
        Kind::Texts(MAX_FALLBACKS),
        "Models of the same endpoint that are asked next, in this order",
        "Give a list of ids.",
    ),
    row(
        "fallback.maxWait",
        within(0, 3_600_000, 5_000),
        "Longest wait for room or for another try in milliseconds, while there is something else to ask",
        "Give milliseconds, such as 5000.",
    ),
    row(
        "fallback.endpoints",
        Kind::Endpoints(MAX_FALLBACKS),
        "Endpoints that are asked next, in this order. What one leaves out is as in the configuration around it, but for addresses, keys, headers, query and models",
        "Give a list such as [{ \"apiEndpoint\": …, \"auth\": … }].",
    ),
    row(
        "paths",
        Kind::Object,
        "Routes that servers name differently",
        "Give an object, or leave it out.",
    ),
    row(
        "paths.validate",
        Kind::Text,
        "Route that checks the key; /models where it is left out",
        "Give a path that begins with /.",
    ),
    row(
        "paths.usage",
        Kind::Text,
        "Route that tells usage; none where it is left out",
        "Give a path that begins with /, such as /usage.",
    ),
    row(
        "budget",
        Kind::Object,
        "What may be used by day and month; 0 is no limit",
        "Give an object, or leave it out.",
    ),
    row(
        "budget.requestsPerDay",
        Kind::Integer(Some(0), None, 0),
        "Requests of a day",
        "Give a number, 0 for no limit.",
    ),
    row(
        "budget.tokensPerDay",
        Kind::Integer(Some(0), None, 0),
        "Tokens of a day",
        "Give a number, 0 for no limit.",
    ),
    row(
        "budget.costPerDay",
        Kind::Amount,
        "US dollars of a day",
        "Give dollars, 0 for no limit.",
    ),
    row(
        "budget.requestsPerMonth",
        Kind::Integer(Some(0), None, 0),
        "Requests of a month",
        "Give a number, 0 for no limit.",
    ),
    row(
        "budget.tokensPerMonth",
        Kind::Integer(Some(0), None, 0),
        "Tokens of a month",
        "Give a number, 0 for no limit.",
    ),
    row(
        "budget.costPerMonth",
        Kind::Amount,
        "US dollars of a month",
        "Give dollars, 0 for no limit.",
    ),
    row(
        "budget.unusual",
        within(2, 1_000, 5),
        "A day with so many times the tokens of a usual one is told of",
        "Give a number, such as 5.",
    ),
    row(
        "budget.offset",
        within(-840, 840, 0),
        "Minutes that the days are ahead of UTC",
        "Give minutes, such as 60.",
    ),
    row(
        "timeout",
        within(5_000, 300_000, 30_000),
        "Request timeout in milliseconds; of an answer that streams, the wait for its beginning",
        "Give milliseconds, such as 30000.",
    ),
    row(
        "streamTimeout",
        within(5_000, 3_600_000, 600_000),
        "Longest time of an answer that streams, milliseconds",
        "Give milliseconds, such as 600000.",
    ),
    row(
        "firstByteTimeout",
        within(1_000, 300_000, 30_000),
        "Longest wait for the first byte in milliseconds",
        "Give milliseconds.",
    ),
    row(
        "idleTimeout",
        within(1_000, 300_000, 30_000),
        "Longest silence of a stream in milliseconds",
        "Give milliseconds.",
    ),
];

/// Whether a further endpoint has this field too.
pub(super) fn is_of_endpoint(path: &str) -> bool {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    match first {
        "models" => matches!(rest, "" | "defaultModel"),
        "fallback" => matches!(rest, "" | "models"),
        "features" | "paths" | "budget" => false,
        _ => true,
    }
}

/// Whether a further endpoint has its own, or none: what leads to another server, and what opens it.
pub(super) fn is_own(path: &str) -> bool {
    matches!(
        path.split('.').next(),
        Some("apiEndpoint" | "apiVersion" | "apiVersionIn" | "headers" | "query" | "auth" | "models" | "fallback")
    )
}
