//! Whether something answers.

use super::{Client, NoAnswer, Request};

impl Client {
    /// Sends a request and takes the status of the answer; its body may have no end.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn status(&self, request: Request<'_>) -> Result<u16, NoAnswer> {
        Ok(self.begin(request).await?.status().as_u16())
    }
}
