use super::check::{ConfigError, Value, check};
use crate::proto::provider::budget::{BudgetConfig, Ceiling};

/// A configuration that is right, with its defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Without a slash at its end.
    pub api_endpoint: String,
    /// Empty: none.
    pub api_version: String,
    /// It goes into the path, and not into the header `api-version`.
    pub version_in_path: bool,
    /// Of every request.
    pub query: Vec<(String, String)>,
    /// What may be used.
    pub budget: BudgetConfig,
    /// How requests are authenticated.
    pub auth: Auth,
    /// Limits.
    pub rate_limits: RateLimits,
    /// Which models are used.
    pub models: ModelChoice,
    /// What is switched on.
    pub features: Features,
    /// What is tried again.
    pub retry: Retry,
    /// What is asked when this endpoint, or the model, fails.
    pub fallback: Fallbacks,
    /// Route that checks the key.
    pub validate_path: String,
    /// Route that tells usage; empty: none.
    pub usage_path: String,
    /// Waits, milliseconds.
    pub timeouts: Timeouts,
}

/// What is asked next.
#[derive(Debug, Clone, PartialEq)]
pub struct Fallbacks {
    /// Models of the same endpoint.
    pub models: Vec<String>,
    /// Milliseconds that are waited for room or another try, while there is something else to ask.
    pub max_wait: u64,
    /// Further endpoints, which have none of their own.
    pub endpoints: Vec<Config>,
}

/// How requests are authenticated. Secrets are not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    Open,
    /// A key.
    ApiKey {
        /// The key.
        api_key: String,
    },
    /// OAuth.
    OAuth {
        /// Client ID.
        client_id: String,
        /// Client secret; empty: a public client.
        client_secret: String,
        /// Token endpoint.
        token_url: String,
        /// Scopes.
        scopes: Vec<String>,
    },
    /// Signed tokens.
    Jwt {
        /// PKCS#8, PEM.
        private_key: String,
        /// `sub`; empty: none.
        subject: String,
        /// `aud`; empty: none.
        audience: String,
        /// How it is signed.
        algorithm: Algorithm,
        /// Seconds.
        expires_in: i64,
    },
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Auth::Open => "Open",
            Auth::ApiKey { .. } => "ApiKey(***)",
            Auth::OAuth { .. } => "OAuth(***)",
            Auth::Jwt { .. } => "Jwt(***)",
        })
    }
}

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names are those of RFC 7518
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Es256,
    Es384,
    Es512,
}

/// Limits of requests and tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// In any minute.
    pub requests_per_minute: u64,
    /// In any minute.
    pub tokens_per_minute: u64,
    /// At a time.
    pub concurrent_requests: usize,
    /// That wait.
    pub max_queue_size: usize,
    /// Milliseconds.
    pub max_wait: u64,
}

/// Which models are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelChoice {
    /// Empty: none.
    pub default_model: String,
    /// None: all.
    pub enabled_models: Option<Vec<String>>,
    /// Ask the server for its list.
    pub auto_discovery: bool,
    /// Seconds.
    pub cache_timeout: u64,
}

/// What is switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// Answers come bit by bit.
    pub streaming: bool,
    /// Plain completions.
    pub code_completion: bool,
    /// Analysis of code.
    pub code_analysis: bool,
    /// Parameters of one's own.
    pub custom_parameters: bool,
}

/// What is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all.
    pub max_tries: u32,
}

/// Waits, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Of a whole request; of one that streams, until its answer begins.
    pub total: u64,
    /// Of a whole answer that streams.
    pub stream: u64,
    /// For the first byte.
    pub first_byte: u64,
    /// Of silence in a stream.
    pub idle: u64,
}

impl Config {
    /// Reads a configuration; the error is everything that is wrong with it.
    ///
    /// ```
    /// use opencode_session::proto::provider::config::Config;
    /// let errors = Config::read(br#"{"apiEndpoint":"ftp://x","auth":{"type":"api-key","apiKey":"k"}}"#).unwrap_err();
    /// let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
    /// assert_eq!(paths, ["apiEndpoint", "rateLimits"]);
    /// ```
    pub fn read(json: &[u8]) -> Result<Config, Vec<ConfigError>> {
        Ok(Values(check(json)?).config())
    }
}

/// What was checked, by its path.
struct Values(super::check::Values);

impl Values {
    fn config(mut self) -> Config {
        let values = &mut self;
        let auth = values.auth();
        Config {
            api_endpoint: values.text("apiEndpoint").trim_end_matches('/').to_owned(),
            api_version: values.text("apiVersion"),
            version_in_path: values.text("apiVersionIn") == "path",
            query: values.map("query"),
            budget: values.budget(),
            auth,
            rate_limits: RateLimits {
                requests_per_minute: values.number("rateLimits.requestsPerMinute"),
                tokens_per_minute: values.number("rateLimits.tokensPerMinute"),
                concurrent_requests: values.number("rateLimits.concurrentRequests") as usize,
                max_queue_size: values.number("rateLimits.maxQueueSize") as usize,
                max_wait: values.number("rateLimits.maxWait"),
            },
            models: ModelChoice {
                default_model: values.text("models.defaultModel"),
                enabled_models: values.texts("models.enabledModels"),
                auto_discovery: values.flag("models.autoDiscovery"),
                cache_timeout: values.number("models.cacheTimeout"),
            },
            features: Features {
                streaming: values.flag("features.streaming"),
                code_completion: values.flag("features.codeCompletion"),
                code_analysis: values.flag("features.codeAnalysis"),
                custom_parameters: values.flag("features.customParameters"),
            },
            retry: Retry {
                max_tries: values.number("retry.maxTries") as u32,
            },
            fallback: Fallbacks {
                models: values.texts("fallback.models").unwrap_or_default(),
                max_wait: values.number("fallback.maxWait"),
                endpoints: match values.take("fallback.endpoints") {
                    Some(Value::Endpoints(all)) => all.into_iter().map(|one| Values(one).config()).collect(),
                    _ => Vec::new(),
                },
            },
            validate_path: Some(values.text("paths.validate"))
                .filter(|path| !path.is_empty())
                .unwrap_or_else(|| "/models".into()),
            usage_path: values.text("paths.usage"),
            timeouts: Timeouts {
                total: values.number("timeout"),
                stream: values.number("streamTimeout"),
                first_byte: values.number("firstByteTimeout"),
                idle: values.number("idleTimeout"),
            },
        }
    }

    fn auth(&mut self) -> Auth {
        match self.text("auth.type").as_str() {
            "none" => Auth::Open,
            "oauth" => Auth::OAuth {
                client_id: self.text("auth.clientId"),
                client_secret: self.text("auth.clientSecret"),
                token_url: self.text("auth.tokenUrl"),
                scopes: self.texts("auth.scopes").unwrap_or_default(),
            },
            "jwt" => Auth::Jwt {
                private_key: self.text("auth.privateKey"),
                subject: self.text("auth.subject"),
                audience: self.text("auth.audience"),
                algorithm: match self.text("auth.algorithm").as_str() {
                    "RS384" => Algorithm::Rs384,
                    "RS512" => Algorithm::Rs512,
                    "ES256" => Algorithm::Es256,
                    "ES384" => Algorithm::Es384,
                    "ES512" => Algorithm::Es512,
                    _ => Algorithm::Rs256,
                },
                expires_in: i64::try_from(self.number("auth.expiresIn")).unwrap_or(i64::MAX),
            },
            _ => Auth::ApiKey {
                api_key: self.text("auth.apiKey"),
            },
        }
    }

    fn budget(&mut self) -> BudgetConfig {
        let mut ceiling = |requests: &str, tokens: &str, cost: &str| Ceiling {
            requests: self.number(requests),
            tokens: self.number(tokens),
            cost: self.millionths(cost),
        };
        let day = ceiling("budget.requestsPerDay", "budget.tokensPerDay", "budget.costPerDay");
        let month = ceiling(
            "budget.requestsPerMonth",
            "budget.tokensPerMonth",
            "budget.costPerMonth",
        );
        let offset = match self.take("budget.offset") {
            Some(Value::Integer(minutes)) => i32::try_from(minutes).unwrap_or_default(),
            _ => 0,
        };
        BudgetConfig {
            day,
            month,
            unusual: self.number("budget.unusual"),
            offset,
            ..BudgetConfig::default()
        }
    }

    fn take(&mut self, path: &str) -> Option<Value> {
        let at = self.0.iter().position(|(name, _)| *name == path)?;
        Some(self.0.swap_remove(at).1)
    }

    fn millionths(&mut self, path: &str) -> u64 {
        match self.take(path) {
            Some(Value::Amount(dollars)) => (dollars * 1e6).ceil() as u64,
            _ => 0,
        }
    }

    fn map(&mut self, path: &str) -> Vec<(String, String)> {
        match self.take(path) {
            Some(Value::Map(all)) => all,
            _ => Vec::new(),
        }
    }

    fn text(&mut self, path: &str) -> String {
        match self.take(path) {
            Some(Value::Text(text)) => text,
            _ => String::new(),
        }
    }

    fn texts(&mut self, path: &str) -> Option<Vec<String>> {
        match self.take(path) {
            Some(Value::Texts(texts)) => Some(texts),
            _ => None,
        }
    }

    fn flag(&mut self, path: &str) -> bool {
        self.take(path) == Some(Value::Flag(true))
    }

    fn number(&mut self, path: &str) -> u64 {
        match self.take(path) {
            Some(Value::Integer(number)) => u64::try_from(number).unwrap_or_default(),
            _ => 0,
        }
    }
}
