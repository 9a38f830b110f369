//! The requests of Bulk API 2.0: jobs that take or give a file of records.

use std::{io::Read, time::Duration};

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind};
use crate::http::{Access, Answer, ApiRequest, Body, PollPace};
use crate::spool::Spool;

use super::{
    super::{
        errors::{self, ApiError},
        limits::{BULK_PAGE_RECORDS, NO_RATE_LIMITS, job_pace},
    },
    Api, WireJob, decode, own_path, segment, whole,
    wire::WireJobs,
};

/// What a job does with the lines of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum BulkOperation<'key> {
    Insert,
    Update,
    /// By this key field.
    Upsert(&'key str),
    Delete,
}

/// The three files that an ended job leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum JobFile {
    Successful,
    Failed,
    Unprocessed,
}

/// A page of a query's results.
#[derive(Debug)]
pub(in super::super) struct CsvPage {
    pub(in super::super) file: Answer,
    /// Where the next page begins; none on the last.
    pub(in super::super) next: Option<String>,
    /// How many records Salesforce says it has.
    pub(in super::super) count: Option<u64>,
}

/// Addresses of result pages that may be downloaded at once.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct ResultPages {
    #[serde(default, rename = "resultPages")]
    pages: Vec<ResultPage>,
    #[serde(default, alias = "nextRecordUrl")]
    pub(in super::super) next_records_url: Option<String>,
    #[serde(default)]
    pub(in super::super) done: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultPage {
    result_url: String,
}

impl ResultPages {
    pub(in super::super) fn urls(&self) -> Vec<String> {
        self.pages.iter().map(|page| page.result_url.clone()).collect()
    }
}

impl BulkOperation<'_> {
    fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Upsert(_) => "upsert",
            Self::Delete => "delete",
        }
    }
}

impl WireJob {
    /// Tells whether the job waits for its file, or for the word to begin.
    pub(in super::super) fn is_open(&self) -> bool {
        self.state == "Open"
    }

    /// Tells whether Salesforce has the job's file and works on it, or is about to.
    pub(in super::super) fn is_under_way(&self) -> bool {
        matches!(self.state.as_str(), "UploadComplete" | "InProgress")
    }
}

impl Api {
    /// `POST jobs/ingest`. A job without a file does nothing, so one whose answer was lost is simply made again.
    pub(in super::super) async fn create_job(
        &self,
        object: &str,
        operation: BulkOperation<'_>,
        assignment_rule: Option<&str>,
    ) -> Result<WireJob, ConnectorError> {
        let mut body = json!({
            "object": object,
            "operation": operation.as_str(),
            "contentType": "CSV",
            "lineEnding": "LF",
            "columnDelimiter": "COMMA",
        });
        if let BulkOperation::Upsert(key) = operation {
            body["externalIdFieldName"] = Json::from(key);
        }
        if let Some(rule) = assignment_rule {
            body["assignmentRuleId"] = Json::from(rule);
        }
        let path = self.path("jobs/ingest").await?;
        let request = ApiRequest::write(Method::POST, path, body, NO_RATE_LIMITS)
            .idempotent()
            .expecting(|answer| whole::is_job(answer, None));
        self.read(&request, "a Bulk API job").await
    }

    /// `PUT jobs/ingest/{id}/batches`: one file per job. Nothing is written before the job is closed, so it may be repeated.
    pub(in super::super) async fn upload(&self, job_id: &str, file: Spool) -> Result<(), ConnectorError> {
        let path = self.path(&format!("jobs/ingest/{}/batches", segment(job_id))).await?;
        let request = ApiRequest {
            method: Method::PUT,
            body: Body::Csv(file),
            access: Access::Write,
            ..ApiRequest::get(path, NO_RATE_LIMITS).expecting(whole::is_empty_or_json)
        };
        let answer = self.send(&request).await?;
        // A second upload of the same file after a lost answer is refused; the first one is there then.
        if answer.status.is_success() || answer.attempts > 1 {
            return Ok(());
        }
        Err(ApiError::of_answer(&answer).into_error(&answer, "the file of a Bulk API job"))
    }

    /// `PATCH jobs/ingest/{id}`: lets Salesforce begin, or ends a job that has not begun. What it answers to a repetition is no
    /// matter: the state of the job tells.
    pub(in super::super) async fn set_job_state(&self, job_id: &str, state: &str) -> Result<(), ConnectorError> {
        let path = self.path(&format!("jobs/ingest/{}", segment(job_id))).await?;
        let body = json!({ "state": state });
        let request = ApiRequest::write(Method::PATCH, path, body, NO_RATE_LIMITS)
            .idempotent()
            .expecting(whole::is_empty_or_json);
        let answer = self.send(&request).await?;
        if answer.status.is_success() || answer.attempts > 1 {
            return Ok(());
        }
        Err(ApiError::of_answer(&answer).into_error(&answer, "the start of a Bulk API job"))
    }

    /// `GET jobs/ingest/{id}` until the job is no longer at work; none where it did not within the time that is waited.
    /// The first question is asked after `delay`.
    pub(in super::super) async fn wait_for_job(
        &self,
        job_id: &str,
        delay: Duration,
    ) -> Result<Option<WireJob>, ConnectorError> {
        let path = self.path(&format!("jobs/ingest/{}", segment(job_id))).await?;
        self.wait(job_request(path, job_id), job_pace(delay)).await
    }

    /// `GET jobs/ingest`: the jobs of the last days, whosever they are.
    pub(in super::super) async fn jobs(&self) -> Result<Vec<WireJob>, ConnectorError> {
        let request = ApiRequest::get(self.path("jobs/ingest").await?, NO_RATE_LIMITS)
            .with("jobType", "V2Ingest")
            .expecting(whole::is_list);
        let mut page: WireJobs = self.read(&request, "the list of Bulk API jobs").await?;
        let mut jobs = std::mem::take(&mut page.records);
        while let Some(next) = page.next_records_url.take() {
            let request = ApiRequest::get(own_path(&next)?, NO_RATE_LIMITS).expecting(whole::is_list);
            page = self.read(&request, "the list of Bulk API jobs").await?;
            jobs.append(&mut page.records);
        }
        Ok(jobs)
    }

    /// `GET jobs/ingest/{id}/successfulResults`, `failedResults` or `unprocessedrecords`.
    pub(in super::super) async fn job_file(
        &self,
        job_id: &str,
        file: JobFile,
    ) -> Result<Box<dyn Read + Send + Sync>, ConnectorError> {
        let name = match file {
            JobFile::Successful => "successfulResults",
            JobFile::Failed => "failedResults",
            JobFile::Unprocessed => "unprocessedrecords",
        };
        let path = self.path(&format!("jobs/ingest/{}/{name}", segment(job_id))).await?;
        let request = ApiRequest::get(path, NO_RATE_LIMITS).to_file().expecting(|answer| whole::is_csv(answer, None));
        let answer = self.send(&request).await?;
        csv_of(answer, "the results of a Bulk API job").map(Answer::reader)
    }

    /// `POST jobs/query`
    pub(in super::super) async fn create_query(
        &self,
        soql: &str,
        is_with_deleted: bool,
    ) -> Result<WireJob, ConnectorError> {
        let operation = if is_with_deleted { "queryAll" } else { "query" };
        let body = json!({
            "operation": operation,
            "query": soql,
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        });
        let path = self.path("jobs/query").await?;
        let request = ApiRequest::read(path, body, NO_RATE_LIMITS).expecting(|answer| whole::is_job(answer, None));
        self.read(&request, "a Bulk API query").await
    }

    /// `GET jobs/query/{id}` until the query has ended; none where it did not within the time that is waited.
    /// The first question is asked after `delay`.
    pub(in super::super) async fn wait_for_query(
        &self,
        job_id: &str,
        delay: Duration,
    ) -> Result<Option<WireJob>, ConnectorError> {
        let path = self.path(&format!("jobs/query/{}", segment(job_id))).await?;
        self.wait(job_request(path, job_id), job_pace(delay)).await
    }

    /// `GET jobs/query/{id}/results?locator=…&maxRecords=…`
    pub(in super::super) async fn query_results(
        &self,
        job_id: &str,
        locator: Option<&str>,
    ) -> Result<CsvPage, ConnectorError> {
        let path = self.path(&format!("jobs/query/{}/results", segment(job_id))).await?;
        let asked = locator.map(str::to_owned);
        let mut request = ApiRequest::get(path, NO_RATE_LIMITS)
            .with("maxRecords", BULK_PAGE_RECORDS.to_string())
            .to_file()
            .expecting(move |answer| whole::is_csv(answer, asked.as_deref()));
        if let Some(locator) = locator {
            request = request.with("locator", locator);
        }
        self.results_page(&request).await
    }

    /// Downloads a page by the address that [`Api::result_pages`] gave.
    pub(in super::super) async fn results_at(&self, url: &str) -> Result<CsvPage, ConnectorError> {
        let request = ApiRequest::get(own_path(url)?, NO_RATE_LIMITS).to_file();
        self.results_page(&request.expecting(|answer| whole::is_csv(answer, None))).await
    }

    /// `GET jobs/query/{id}/resultPages`, or where its list goes on.
    pub(in super::super) async fn result_pages(
        &self,
        job_id: &str,
        next: Option<&str>,
    ) -> Result<ResultPages, ConnectorError> {
        let path = match next {
            Some(next) => own_path(next)?,
            None => self.path(&format!("jobs/query/{}/resultPages", segment(job_id))).await?,
        };
        let request = ApiRequest::get(path, NO_RATE_LIMITS).expecting(whole::is_list_of_pages);
        self.read(&request, "the list of result pages").await
    }

    async fn results_page(&self, request: &ApiRequest) -> Result<CsvPage, ConnectorError> {
        let answer = csv_of(self.send(request).await?, "the results of a Bulk API query");
        let answer = answer.map_err(|mut error| {
            // The job is gone after seven days, or is another version's: it is read again from the beginning.
            if error.kind == ErrorKind::NotFound || error.message.ends_with("(409)") {
                error.kind = ErrorKind::CursorExpired;
            }
            error
        })?;
        // The last page says so with the word `null`.
        let next = answer.header("sforce-locator").filter(|locator| !locator.is_empty() && *locator != "null");
        let count = answer.header("sforce-numberofrecords").and_then(|count| count.trim().parse().ok());
        Ok(CsvPage { next: next.map(str::to_owned), count, file: answer })
    }

    async fn wait(&self, request: ApiRequest, pace: PollPace) -> Result<Option<WireJob>, ConnectorError> {
        // A job that nobody let begin will never end.
        let has_ended = |answer: &Answer| {
            !answer.status.is_success() || answer.json::<WireJob>().is_ok_and(|job| !job.is_under_way())
        };
        let answer = self.client.send_until(&request, pace, has_ended).await.map_err(errors::of_http)?;
        answer.map(|answer| decode(&answer, "a Bulk API job", errors::unexpected)).transpose()
    }
}

fn job_request(path: String, job_id: &str) -> ApiRequest {
    let id = job_id.to_owned();
    ApiRequest::get(path, NO_RATE_LIMITS).expecting(move |answer| whole::is_job(answer, Some(&id)))
}

/// Returns the answer where it is a file.
fn csv_of(answer: Answer, doing: &str) -> Result<Answer, ConnectorError> {
    if answer.status.is_success() { Ok(answer) } else { Err(ApiError::of_answer(&answer).into_error(&answer, doing)) }
}
