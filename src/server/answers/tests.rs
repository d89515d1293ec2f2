//! Callers, and a question that is answered when the test says so.

use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;

const LONG: Duration = Duration::from_mins(1);

/// Each time the question is put, the test gets the means to answer it.
struct Stage {
    answers: Answers,
    put: mpsc::UnboundedSender<oneshot::Sender<Outcome>>,
    asked: mpsc::UnboundedReceiver<oneshot::Sender<Outcome>>,
}

impl Stage {
    fn new() -> Self {
        let (put, asked) = mpsc::unbounded_channel();
        Self {
            answers: Answers::new(Telemetry::default()),
            put,
            asked,
        }
    }

    /// A caller; it has its place when this returns.
    async fn caller(
        &self,
        timeout: Duration,
        cache: Option<Duration>,
    ) -> JoinHandle<Result<Answer, Unanswered>> {
        let (answers, put) = (self.answers.clone(), self.put.clone());
        let question = Question {
            key: "key".to_owned(),
            timeout,
            cache,
        };
        let mut asking = Box::pin(async move {
            let call = move |_| async move {
                let (answer, answered) = oneshot::channel();
                put.send(answer).expect("the test lives");
                answered.await.expect("the test answers")
            };
            answers.ask(question, call).await
        });
        // The first poll is what puts it there.
        let first = futures_util::poll!(asking.as_mut());
        match first {
            std::task::Poll::Ready(told) => tokio::spawn(std::future::ready(told)),
            std::task::Poll::Pending => tokio::spawn(asking),
        }
    }

    async fn patient(&self) -> JoinHandle<Result<Answer, Unanswered>> {
        self.caller(LONG, None).await
    }

    async fn question(&mut self) -> oneshot::Sender<Outcome> {
        let put = tokio::time::timeout(LONG, self.asked.recv()).await;
        put.expect("the question is put").expect("the stage lives")
    }

    fn is_quiet(&mut self) -> bool {
        self.asked.try_recv().is_err() && self.answers.desk().questions.is_empty()
    }
}

async fn told(caller: JoinHandle<Result<Answer, Unanswered>>) -> Result<String, Unanswered> {
    let told = tokio::time::timeout(LONG, caller).await;
    let answer = told.expect("an answer in time").expect("no panic")?;
    Ok(String::from_utf8(answer.json.to_vec()).expect("text"))
}

fn say(answer: oneshot::Sender<Outcome>, text: &str) {
    answer.send(Ok(text.to_owned())).expect("it is waited for");
}

#[tokio::test]
async fn who_comes_while_it_is_asked_is_told_what_is_asked_next() {
    let mut stage = Stage::new();
    let first = stage.patient().await;
    let before = stage.question().await;
    let mut later = Vec::new();
    for _ in 0..100 {
        later.push(stage.patient().await);
    }
    assert!(stage.asked.try_recv().is_err(), "one at a time");
    say(before, "\"before\"");
    assert_eq!(told(first).await.unwrap(), "\"before\"");
    say(stage.question().await, "\"after\"");
    for caller in later {
        assert_eq!(told(caller).await.unwrap(), "\"after\"");
    }
    assert!(stage.is_quiet());
}

#[tokio::test]
async fn a_caller_who_leaves_ends_nothing_for_the_others_and_the_last_ends_it() {
    let mut stage = Stage::new();
    let first = stage.patient().await;
    let mut asked = stage.question().await;
    let (one, other) = (stage.patient().await, stage.patient().await);
    first.abort();
    // The question of the first is given up, and that of the others is put.
    asked.closed().await;
    asked = stage.question().await;
    one.abort();
    assert!(one.await.unwrap_err().is_cancelled());
    assert!(!asked.is_closed(), "one of two is still there");
    say(asked, "7");
    assert_eq!(told(other).await.unwrap(), "7");
    assert!(stage.is_quiet());
}

/// Found when numbers began anew with each question: the end of a round that had gone was taken for that of the next.
#[tokio::test]
async fn what_is_left_of_a_question_given_up_does_not_end_the_next() {
    let mut stage = Stage::new();
    let put = stage.put.clone();
    let question = Question {
        key: "key".to_owned(),
        timeout: LONG,
        cache: None,
    };
    let mut gone = Box::pin(stage.answers.ask(question, move |_| async move {
        let (answer, answered) = oneshot::channel();
        put.send(answer).expect("the test lives");
        answered.await.expect("the test answers")
    }));
    assert!(futures_util::poll!(gone.as_mut()).is_pending());
    let mut asked = stage.asked.recv().await.expect("the question is put");
    drop(gone);
    // Before the runtime gets to end the task of the first.
    let next = stage.patient().await;
    asked.closed().await;
    say(stage.question().await, "1");
    assert_eq!(told(next).await.unwrap(), "1");
    assert!(stage.is_quiet());
}

#[tokio::test]
async fn each_caller_waits_for_its_own_time_and_no_longer() {
    let mut stage = Stage::new();
    let patient = stage.patient().await;
    let asked = stage.question().await;
    let hasty = stage.caller(Duration::from_millis(20), None).await;
    assert_eq!(told(hasty).await, Err(QueryError::Timeout.into()));
    say(asked, "1");
    assert_eq!(told(patient).await.unwrap(), "1");
    assert!(stage.is_quiet(), "nobody was left to ask for");
}

#[tokio::test]
async fn who_waited_behind_a_missing_worker_learns_that_at_the_end_of_its_time() {
    let mut stage = Stage::new();
    let first = stage.patient().await;
    let asked = stage.question().await;
    let hasty = stage.caller(Duration::from_secs(1), None).await;
    asked.send(Err(QueryError::NoWorker)).expect("waited for");
    assert_eq!(told(first).await, Err(QueryError::NoWorker.into()));
    let _unanswered = stage.question().await;
    assert_eq!(told(hasty).await, Err(QueryError::NoWorker.into()));
}

#[tokio::test]
async fn a_question_that_panics_leaves_nobody_waiting() {
    let answers = Answers::new(Telemetry::default());
    let question = || Question {
        key: "key".to_owned(),
        timeout: LONG,
        cache: None,
    };
    let broken = answers.ask(question(), |_| async { panic!("on purpose") });
    assert_eq!(broken.await.unwrap_err(), Unanswered::BrokenOff);
    let whole = answers.ask(question(), |_| async { Ok("1".to_owned()) });
    assert_eq!(whole.await.unwrap().json, "1");
}

#[tokio::test]
async fn a_question_with_too_many_callers_turns_the_next_away() {
    let mut stage = Stage::new();
    let mut callers = Vec::new();
    for _ in 0..rounds::MOST_CALLERS {
        callers.push(stage.patient().await);
    }
    let beyond = stage.patient().await;
    assert_eq!(told(beyond).await, Err(Unanswered::Crowded));
    say(stage.question().await, "1");
    say(stage.question().await, "2");
    for caller in callers {
        assert!(told(caller).await.is_ok());
    }
}

#[tokio::test]
async fn an_answer_is_kept_for_as_long_as_the_rule_says_and_a_failure_is_not() {
    let mut stage = Stage::new();
    let cached = Some(LONG);
    let failed = stage.caller(LONG, cached).await;
    let shares = stage.caller(LONG, cached).await;
    let asked = stage.question().await;
    asked.send(Err(QueryError::NotJson)).expect("waited for");
    assert_eq!(told(failed).await, Err(QueryError::NotJson.into()));
    assert_eq!(told(shares).await, Err(QueryError::NotJson.into()));

    let first = stage.caller(LONG, cached).await;
    say(stage.question().await, "1");
    assert_eq!(told(first).await.unwrap(), "1");
    let again = stage.caller(LONG, cached).await;
    assert_eq!(told(again).await.unwrap(), "1");
    let tiny = stage.caller(LONG, Some(Duration::ZERO)).await;
    assert_eq!(
        told(tiny).await.unwrap(),
        "1",
        "kept by the rule that asked"
    );
    let strict = stage.patient().await;
    say(stage.question().await, "2");
    assert_eq!(told(strict).await.unwrap(), "2", "no cache, no old answer");
    assert!(stage.is_quiet());
}
