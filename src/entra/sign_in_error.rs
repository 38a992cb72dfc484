//! Why nobody is signed in, and what helps.

use super::{
    Answer, Error, Method,
    token::{aadsts, first_sentence},
};
use azure_core::error::ErrorKind;
use std::path::PathBuf;

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The environment does not hold what the method needs.
    #[error("{method}: not set: {}", missing.join(", "))]
    Incomplete {
        /// Which.
        method: Method,
        /// What is missing.
        missing: Vec<&'static str>,
    },
    /// Entra refused.
    #[error("signing in with {method}: refused ({answer}); {}", advice(*number, *method))]
    Refused {
        /// Which way was tried.
        method: Method,
        /// The AADSTS number.
        number: Option<u32>,
        /// What came back.
        answer: Answer,
    },
    /// The Azure CLI is not there, has nobody signed in, or does not answer.
    #[error("the Azure CLI (`{command}`): {cause}; install it and run `az login`, or sign in another way")]
    CliUnusable {
        /// What was run.
        command: String,
        /// What came of it.
        cause: String,
    },
    /// The Azure CLI is set to another cloud.
    #[error(
        "the Azure CLI is set to the cloud {cli_cloud}, which signs in at {cli_sign_in} and not at {wanted}; run `az cloud \
         set --name NAME` and `az login`, or name the cloud with --cloud"
    )]
    OtherCloud {
        /// Its name there.
        cli_cloud: String,
        /// Where it signs in.
        cli_sign_in: String,
        /// Where it should.
        wanted: String,
    },
    /// The sign-in is for another tenant than was asked for.
    #[error("signed in to the tenant {got}, but {wanted} was asked for; sign in there, or change --tenant")]
    OtherTenant {
        /// What was asked for.
        wanted: String,
        /// What it is.
        got: String,
    },
    /// Nobody typed the code in time, or the sign-in that came of it is over.
    #[error("the device code sign-in is over, or its code was not used in time; run again for a new code")]
    CodeExpired,
    /// Somebody said no.
    #[error("the device code sign-in was declined; run again if that was a mistake")]
    CodeDeclined,
    /// No connection.
    #[error(
        "signing in at {url}: cannot be reached: {cause}; check the network, the proxy and the cloud, then run again"
    )]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        cause: String,
    },
    /// A credential failed for a reason of its own.
    #[error("signing in with {method}: {cause}; {}", method.again())]
    Failed {
        /// Which.
        method: Method,
        /// Why.
        cause: String,
    },
    /// There is no way left to try.
    #[error("nobody is signed in, and nobody can be asked: {}", listed(tried))]
    NothingLeft {
        /// What was tried.
        tried: Vec<SignInError>,
    },
    /// The certificates to trust cannot be used.
    #[error("the certificate authority in {} cannot be used: {cause}", path.display())]
    Trust {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The TLS client cannot be made.
    #[error("no HTTPS client can be made on this machine: {0}")]
    Client(String),
    /// Signed in, but the tenant cannot be asked who it is.
    #[error(transparent)]
    Tenant(Box<Error>),
}

fn listed(tried: &[SignInError]) -> String {
    tried.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A session or refresh token that is over, or a second factor that is due: signing in again helps.
const EXPIRED: [u32; 13] =
    [700_082, 700_084, 50_173, 70_043, 50_078, 50_076, 50_079, 50_158, 70_008, 50_133, 50_089, 160_021, 65_004];

/// The tenant's policy, or a consent that is lacking (models.md B15): another method may be allowed, or an administrator.
const BLOCKED: [u32; 11] = [53_000, 53_001, 53_002, 53_003, 53_004, 530_035, 50_097, 50_105, 65_001, 90_094, 500_131];

/// What helps against the refusals that are known.
fn advice(number: Option<u32>, method: Method) -> String {
    let known = match number {
        Some(7_000_215) => "the client secret is wrong: AZURE_CLIENT_SECRET must hold its value, not its id",
        Some(7_000_222) => "the client secret has expired: make a new one and set AZURE_CLIENT_SECRET",
        Some(700_016) => "the tenant does not know the client id: check AZURE_CLIENT_ID and the tenant",
        Some(90_002 | 900_023) => "there is no such tenant in this cloud: check the tenant and --cloud",
        Some(700_024 | 700_211..=700_213) => {
            "the federated token is out of date, or no federated credential matches it"
        }
        Some(number) if BLOCKED.contains(&number) => {
            "the tenant's policy does not let this way of signing in through: try another (az login, device code, service \
             principal), or ask an administrator"
        }
        _ => method.again(),
    };
    known.to_owned()
}

impl SignInError {
    /// What a credential says, in our words.
    pub(super) fn of_credential(method: Method, error: &azure_core::Error) -> Self {
        let mut texts = vec![error.to_string()];
        let mut transport = matches!(error.kind(), ErrorKind::Connection | ErrorKind::Io);
        let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
        while let Some(inner) = cause {
            texts.push(inner.to_string());
            transport |= inner
                .downcast_ref::<azure_core::Error>()
                .is_some_and(|inner| matches!(inner.kind(), ErrorKind::Connection | ErrorKind::Io));
            cause = inner.source();
        }
        if let Some(text) = texts.iter().find(|text| text.contains("AADSTS")) {
            let number = aadsts(text);
            let code = number.map_or_else(String::new, |number| format!("AADSTS{number}"));
            let answer = Answer { status: 400, code, message: first_sentence(text), request_id: None };
            return Self::Refused { method, number, answer };
        }
        let cause = texts.last().map(|text| first_sentence(text)).unwrap_or_default();
        if transport {
            Self::Unreachable { url: "the sign-in host".to_owned(), cause }
        } else {
            Self::Failed { method, cause }
        }
    }

    /// Whether signing in again is what helps.
    pub fn is_expired(&self) -> bool {
        match self {
            Self::Refused { number: Some(number), .. } => EXPIRED.contains(number) || *number == 7_000_222,
            Self::CodeExpired => true,
            Self::NothingLeft { tried } => tried.iter().any(Self::is_expired),
            Self::Tenant(error) => error.is_sign_in_expired(),
            _ => false,
        }
    }

    /// Whether somebody else must allow something first (exit code 77).
    pub fn is_not_permitted(&self) -> bool {
        match self {
            Self::Refused { number: Some(number), .. } => BLOCKED.contains(number),
            Self::NothingLeft { tried } => tried.iter().any(Self::is_not_permitted),
            Self::Tenant(error) => error.is_not_permitted(),
            _ => false,
        }
    }

    /// Whether the next way may be tried: this one is not set up. One that is set up and fails is no reason to become
    /// somebody else.
    pub(super) fn is_not_set_up(&self) -> bool {
        matches!(self, Self::Incomplete { .. } | Self::CliUnusable { .. })
    }
}
