//! The little of Redis' protocol (RESP 2) that a change of passwords takes. Knows the wire and nothing else.
//!
//! Valkey speaks the same. Passwords are told as their SHA-256, which `ACL SETUSER` takes since Redis 6.0, so that a server which prints
//! what it cannot make sense of prints none.

use crate::secret::Secret;
use std::{fmt::Write as _, io};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Longer than any answer to what is asked here.
const LONGEST_ANSWER: usize = 4096;

/// Why a server did not do as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It does not know the password (`WRONGPASS`).
    #[error("the session store does not take that password (WRONGPASS)")]
    WrongPassword,
    /// Something else, by the first word of its answer: the rest may repeat what it was asked.
    #[error("the session store refused `{command}` ({code})")]
    Refused {
        /// What it was asked, without what it was told.
        command: &'static str,
        /// The first word of its answer, such as `NOPERM`.
        code: String,
    },
}

/// Why a conversation broke off.
#[derive(Debug, thiserror::Error)]
pub enum BrokenOff {
    /// The connection.
    #[error("the connection to the session store broke off: {0}")]
    Io(#[from] io::Error),
    /// What answers is no Redis.
    #[error("what listens there does not answer as Redis or Valkey do")]
    NoRedis,
}

/// What came of a request: the outer error is that of the conversation, the inner one what the server says.
pub type Answered = Result<Result<(), Refusal>, BrokenOff>;

/// A connection to a Redis or Valkey.
#[derive(Debug)]
pub struct Connection<Stream> {
    stream: Stream,
}

impl<Stream: AsyncRead + AsyncWrite + Unpin> Connection<Stream> {
    /// Over a stream that is open already.
    pub const fn over(stream: Stream) -> Self {
        Self { stream }
    }

    /// Signs in as the user `default`.
    pub async fn sign_in(&mut self, password: &Secret) -> Answered {
        self.ask("AUTH", &["AUTH", password.expose()]).await
    }

    /// Asks for a sign of life, which takes a connection that is signed in.
    pub async fn ping(&mut self) -> Answered {
        self.ask("PING", &["PING"]).await
    }

    /// Has the user `default` known by `password` too. To say so twice does no more.
    pub async fn add_password(&mut self, password: &Secret) -> Answered {
        let hash = zeroize::Zeroizing::new(format!("#{}", password.sha256()));
        self.ask("ACL SETUSER", &["ACL", "SETUSER", "default", &hash]).await
    }

    /// Has the user `default` known by `password` alone. Connections that are signed in stay so.
    pub async fn keep_only_password(&mut self, password: &Secret) -> Answered {
        let hash = zeroize::Zeroizing::new(format!("#{}", password.sha256()));
        self.ask("ACL SETUSER", &["ACL", "SETUSER", "default", "resetpass", &hash]).await
    }

    async fn ask(&mut self, command: &'static str, words: &[&str]) -> Answered {
        let mut request = zeroize::Zeroizing::new(format!("*{}\r\n", words.len()));
        for word in words {
            let _infallible = write!(request, "${}\r\n{word}\r\n", word.len());
        }
        self.stream.write_all(request.as_bytes()).await?;
        self.stream.flush().await?;
        let line = self.line().await?;
        match line.split_at_checked(1) {
            Some(("+", _)) => Ok(Ok(())),
            Some(("-", error)) => {
                let code: String = error.chars().take_while(char::is_ascii_uppercase).take(20).collect();
                Ok(Err(match code.as_str() {
                    "WRONGPASS" => Refusal::WrongPassword,
                    _ => Refusal::Refused { command, code },
                }))
            }
            _ => Err(BrokenOff::NoRedis),
        }
    }

    async fn line(&mut self) -> Result<String, BrokenOff> {
        let mut line = Vec::new();
        loop {
            match self.stream.read_u8().await? {
                b'\n' => break,
                byte => line.push(byte),
            }
            if line.len() > LONGEST_ANSWER {
                return Err(BrokenOff::NoRedis);
            }
        }
        String::from_utf8(line).map_err(|_| BrokenOff::NoRedis)
    }
}

#[cfg(test)]
mod tests {
    use super::{BrokenOff, Connection, Refusal};
    use crate::secret::Secret;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// A server that gives one answer, and what it was asked.
    async fn asked(answer: &str, ask: impl AsyncFnOnce(&mut Connection<tokio::io::DuplexStream>)) -> String {
        let (near, mut far) = tokio::io::duplex(4096);
        far.write_all(answer.as_bytes()).await.unwrap();
        let mut connection = Connection::over(near);
        ask(&mut connection).await;
        drop(connection);
        let mut request = String::new();
        far.read_to_string(&mut request).await.unwrap();
        request
    }

    #[tokio::test]
    async fn given_passwords_then_they_are_told_as_hashes_and_signed_in_with_as_they_are() {
        let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        let secret = Secret::new("secret");
        let request = asked("+OK\r\n", async |it| it.sign_in(&secret).await.unwrap().unwrap()).await;
        assert_eq!(request, "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n");
        let request = asked("+OK\r\n", async |it| it.add_password(&secret).await.unwrap().unwrap()).await;
        assert_eq!(request, format!("*4\r\n$3\r\nACL\r\n$7\r\nSETUSER\r\n$7\r\ndefault\r\n$65\r\n#{hash}\r\n"));
        let request = asked("+OK\r\n", async |it| it.keep_only_password(&secret).await.unwrap().unwrap()).await;
        assert!(request.ends_with(&format!("$9\r\nresetpass\r\n$65\r\n#{hash}\r\n")), "{request}");
    }

    #[tokio::test]
    async fn given_a_refusal_then_its_first_word_is_told_and_nothing_that_it_repeats() {
        asked("-WRONGPASS invalid username-password pair or user is disabled.\r\n", async |it| {
            assert_eq!(it.sign_in(&Secret::new("canary")).await.unwrap(), Err(Refusal::WrongPassword));
        })
        .await;
        asked("-ERR Error in ACL SETUSER modifier 'canary': Syntax error\r\n", async |it| {
            let refusal = it.add_password(&Secret::new("canary")).await.unwrap().unwrap_err();
            assert_eq!(refusal.to_string(), "the session store refused `ACL SETUSER` (ERR)");
        })
        .await;
    }

    #[tokio::test]
    async fn given_what_is_no_redis_then_that_is_said() {
        asked("HTTP/1.1 400 Bad Request\r\n", async |it| {
            assert!(matches!(it.ping().await, Err(BrokenOff::NoRedis)));
        })
        .await;
        asked("+half", async |it| {
            let answer = tokio::time::timeout(std::time::Duration::from_millis(20), it.ping()).await;
            assert!(answer.is_err(), "the rest may still come");
        })
        .await;
    }
}
