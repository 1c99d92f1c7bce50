//! I-10 and I-14 from the other side: what clients were told over HTTP, as they wrote it down, against what the log says.
//!
//! One JSON object in each line, as `load --answers` writes it:
//! ```json
//! {"time":"2026-03-01T00:00:00.000Z","method":"POST","path":"/reservations","status":201,"key":"k-1",
//!  "asked":{"userId":"1001","scheduleId":"s","seatNo":1},"said":{"reservationId":"res_0_7","expiresAt":"2026-03-01T00:05:00.000Z"}}
//! ```
//! Who was told yes has it by the log, who was told no has not, and what was accepted is in the log. Status 0 (nobody answered) and everything from 500 on
//! tells nothing. The file is read before the cut is taken, so whatever it tells of was committed, or at least appended, by then.

use super::door::{self, Refusal, Sold, Why};
use super::findings::Findings;
use super::invariant::Invariant;
use super::known::{Print, print};
use super::said::Said;
use holdfast_model::rfc3339;
use holdfast_tools::Failure;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::Display;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// One answer as it was written down.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    /// When it was written down.
    #[serde(default)]
    time: Option<Cow<'a, str>>,
    /// How long it took.
    #[serde(default)]
    took_ms: Option<i64>,
    method: Cow<'a, str>,
    path: Cow<'a, str>,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    key: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    asked: Option<&'a RawValue>,
    #[serde(borrow, default)]
    said: Option<&'a RawValue>,
}

/// The code of who asks for a reservation that is not there: an id that makes no sense is told so at the door.
const NO_RESERVATION: &str = "RESERVATION_NOT_FOUND";

/// Which inbox has to be whole before anything can be said against an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Realm {
    /// Seats and money.
    Seats,
    Coupons,
}

/// What an answer says about the id that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Claim {
    /// A reservation is his until then.
    Held { user: String, schedule: String, seat: String, expires_ms: i64 },
    /// A payment was taken, and was or is good for a seat.
    Paid { reservation: String, amount: Option<i64>, is_back: bool },
    /// A charge left so much in the wallet.
    Charged { user: String, amount: Option<i64>, balance: Option<i64> },
    /// A coupon request came to this.
    Issued { status: String, coupon: Option<String> },
    /// It is in the log.
    Accepted,
    /// It was refused; `is_decision`: only whoever decides says so.
    Refused { code: String, is_decision: bool },
}

#[derive(Debug)]
struct Told {
    line: u64,
    realm: Realm,
    claim: Claim,
    is_met: bool,
}

/// What a payment came to, as far as its buyer may hear of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Payment<'a> {
    pub(super) reservation: &'a str,
    /// KRW.
    pub(super) amount: i64,
    /// It has the seat now.
    pub(super) has_seat: bool,
    /// It has had it.
    pub(super) had_seat: bool,
}

/// A reservation as it was granted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold<'a> {
    pub(super) user: &'a str,
    pub(super) schedule: &'a str,
    pub(super) seat: u64,
    /// The deadline that it was granted with, and the one that it has.
    pub(super) expires_ms: [i64; 2],
}

/// What a body says; nothing if it is none.
fn body(raw: Option<&RawValue>) -> Said<'_> {
    raw.and_then(|raw| Said::read(Some(raw.get().as_bytes()))).unwrap_or_default()
}

/// The first answer under a key.
#[derive(Debug)]
struct First {
    line: u64,
    asked: Print,
    said: Option<(u16, Print)>,
}

/// Everything that was told.
#[derive(Debug, Default)]
pub(super) struct Answers {
    name: String,
    told: FxHashMap<Box<str>, Vec<Told>>,
    /// Who was sent away at the door, without a request in the log.
    refusals: Vec<Refusal>,
    /// Who was told, at which line, under which request, that there is no such reservation, of him if he says who he is.
    missed: Vec<(u64, String, String, Option<String>)>,
}

impl Answers {
    /// Reads the file; answers under one key are compared at once.
    ///
    /// # Errors
    /// When it cannot be read, or a line of it makes no sense. A last line that breaks off is left out: whoever wrote it was killed.
    pub(super) fn read(file: &Path, findings: &mut Findings) -> Result<Self, Failure> {
        let failed = |why: &dyn Display| Failure::Failed(format!("{}: {why}", file.display()));
        let mut lines = BufReader::new(File::open(file).map_err(|e| failed(&e))?);
        let mut answers = Self { name: file.display().to_string(), ..Self::default() };
        let (mut keys, mut text, mut number, mut silent) = (FxHashMap::default(), String::new(), 0, 0);
        loop {
            text.clear();
            if lines.read_line(&mut text).map_err(|e| failed(&e))? == 0 {
                break;
            }
            number += 1;
            if text.trim().is_empty() {
                continue;
            }
            let line: Line<'_> = match serde_json::from_str(&text) {
                Ok(line) => line,
                Err(_) if !text.ends_with('\n') => break,
                Err(error) => return Err(failed(&format_args!("line {number}: {error}"))),
            };
            answers.repeated(number, &line, &mut keys, findings);
            silent += u64::from(!answers.take(number, &line));
        }
        if silent > 0 {
            findings.note(
                Invariant::Agreement,
                format!("{silent} requests were told nothing that can be held against the log"),
            );
        }
        Ok(answers)
    }

    /// Whether there is nothing to compare.
    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Notes what a line claims; false when it claims nothing.
    fn take(&mut self, line: u64, answer: &Line<'_>) -> bool {
        let asked = body(answer.asked);
        let Some(said) = answer.said.and_then(|said| Said::read(Some(said.get().as_bytes()))) else { return false };
        let (path, query) = answer.path.split_once('?').unwrap_or((&answer.path, ""));
        let text = |field: &super::said::Field<'_>| field.id().map(Cow::into_owned);
        let is_coupon = path.starts_with("/api/coupons/");
        let (status, word) = (answer.status, said.status.text());
        let code = said.code.text();
        if let (400..=428, true, Some(why)) = (status, is_coupon, Why::of(code))
            && let Some((policy, user)) = door::wish(path, query, &asked)
        {
            let time_ms = answer.time.as_deref().and_then(rfc3339::parse);
            let when_ms = door::moments(time_ms, answer.took_ms);
            self.refusals.push(Refusal { line, policy, user, why, when_ms });
            return true;
        }
        let found = match (status, path) {
            (400..=428, _) => {
                // What these doors refuse by themselves are values, names and keys; the rest is decided.
                let decides = matches!(path, "/reservations" | "/reserve" | "/payments" | "/api/points/charge");
                let is_missed = code == NO_RESERVATION;
                let is_decision = decides && !is_missed && !door::is_about_the_request(code);
                let id = text(&said.request_id);
                if let (true, Some(id)) = (is_missed, &id) {
                    let named = path.strip_prefix("/reservations/").and_then(|rest| rest.split('/').next());
                    let wanted = named.map(str::to_owned).or_else(|| text(&asked.reservation_id));
                    self.missed.extend(wanted.map(|wanted| (line, id.clone(), wanted, text(&asked.user_id))));
                }
                id.map(|id| (id, Claim::Refused { code: code.to_owned(), is_decision }))
            }
            (200..=299, _) if status == 202 || word == "PENDING" => {
                let id = text(&said.payment_id).or_else(|| text(&said.request_id));
                id.map(|id| (id, Claim::Accepted))
            }
            (200 | 201, "/reservations" | "/reserve") => {
                let parts = (
                    text(&said.user_id).or_else(|| text(&asked.user_id)),
                    text(&asked.schedule_id),
                    text(&asked.seat_no),
                );
                match (text(&said.reservation_id), parts, said.expires_at.when()) {
                    (Some(id), (Some(user), Some(schedule), Some(seat)), Some(expires_ms)) => {
                        Some((id, Claim::Held { user, schedule, seat, expires_ms }))
                    }
                    _ => None,
                }
            }
            (200 | 201, "/payments") => {
                text(&said.payment_id).zip(text(&said.reservation_id)).map(|(id, reservation)| {
                    (id, Claim::Paid { reservation, amount: said.amount.int(), is_back: word == "CANCELLED" })
                })
            }
            (200 | 201, "/api/points/charge") => text(&said.request_id).zip(text(&said.user_id)).map(|(id, user)| {
                (id, Claim::Charged { user, amount: said.amount.int(), balance: said.balance_after.int() })
            }),
            // What was given up may come to something else when an operator puts it back.
            (200, _) if is_coupon && word != "SYSTEM_ERROR" => text(&said.request_id)
                .map(|id| (id, Claim::Issued { status: word.to_owned(), coupon: text(&said.coupon_id) })),
            _ => None,
        };
        let Some((id, claim)) = found else { return false };
        let realm = if is_coupon { Realm::Coupons } else { Realm::Seats };
        self.told.entry(id.into()).or_default().push(Told { line, realm, claim, is_met: false });
        true
    }

    /// I-14: whoever asks the same again under its key is told the same, and nobody is told yes for something else under it.
    fn repeated(&self, line: u64, answer: &Line<'_>, keys: &mut FxHashMap<Print, First>, findings: &mut Findings) {
        let Some(key) = answer.key.as_deref() else { return };
        let asked = body(answer.asked);
        // A key is its user's; who pays without a name is who holds.
        let whose = asked.user_id.id().or_else(|| asked.reservation_id.id());
        let scope = print((&*answer.method, &*answer.path, whose.as_deref(), key));
        let wish = print(answer.asked.map(RawValue::get));
        // 503, 429 and silence are no answers.
        let said = matches!(answer.status, 200..=202 | 400..=428).then(|| {
            let said = body(answer.said);
            // What is refused at the door has a number of its own each time.
            let request_id = if answer.status < 400 { &said.request_id } else { &super::said::Field::Absent };
            let ids = [&said.reservation_id, &said.payment_id, &said.coupon_id, request_id, &said.code];
            (answer.status, print(ids.map(|field| field.id().map(Cow::into_owned))))
        });
        let at = || format!("{} line {line}", self.name);
        match keys.get_mut(&scope) {
            None => drop(keys.insert(scope, First { line, asked: wish, said })),
            Some(first) if first.asked != wish => {
                if matches!(answer.status, 200..=299) {
                    let what = format!("{key} was another request in line {}, and this was not refused", first.line);
                    findings.breach(Invariant::Retries, at(), what);
                } else {
                    findings.count(Invariant::Retries, "other requests under a known key, not accepted", 1);
                }
            }
            Some(first) => match (first.said, said) {
                // Accepted first, and decided then.
                (Some((202, _)), Some((1..=201 | 203.., _))) => first.said = said,
                (Some((1..=201 | 203.., _)), Some((202, _))) => {}
                (Some(before), Some(now)) if before != now => {
                    let what = format!("asked again under {key}, line {} was answered otherwise", first.line);
                    findings.breach(Invariant::Retries, at(), what);
                }
                (Some(_), Some(_)) => findings.count(Invariant::Retries, "answers under a key that came again", 1),
                (None, now) => first.said = now,
                (Some(_), None) => {}
            },
        }
    }

    /// Compares every claim about `id` that `judge` knows something about.
    fn compare(&mut self, id: &str, findings: &mut Findings, judge: impl Fn(&Claim) -> Option<Result<(), String>>) {
        for told in self.told.get_mut(id).into_iter().flatten() {
            match judge(&told.claim) {
                None => continue,
                Some(Ok(())) => findings.count(Invariant::Agreement, "answers over HTTP", 1),
                Some(Err(what)) => {
                    let at = format!("{} line {}", self.name, told.line);
                    findings.breach(Invariant::Agreement, at, format!("{id} {what}"));
                }
            }
            told.is_met = true;
        }
    }

    /// A request of this id is in the log.
    pub(super) fn in_log(&mut self, id: &str, findings: &mut Findings) {
        self.compare(id, findings, |claim| (*claim == Claim::Accepted).then_some(Ok(())));
    }

    /// A command of seats is decided, with this refusal; what is granted to a payment is not its end.
    pub(super) fn command(&mut self, id: &str, refused: Option<&str>, is_pay: bool, findings: &mut Findings) {
        self.compare(id, findings, |claim| match (claim, refused) {
            (Claim::Refused { code, .. }, Some(is)) if code == is => Some(Ok(())),
            (Claim::Refused { .. }, None) if is_pay => None,
            (Claim::Refused { code, .. }, is) => {
                Some(Err(format!("was told no ({code}), and by the log it is {}", is.unwrap_or("yes"))))
            }
            (Claim::Paid { .. }, Some(is)) => Some(Err(format!("was told paid, and by the log it is {is}"))),
            _ => None,
        });
    }

    /// A reservation was granted.
    pub(super) fn hold(&mut self, id: &str, hold: Hold<'_>, findings: &mut Findings) {
        self.compare(id, findings, |claim| {
            let Claim::Held { user, schedule, seat, expires_ms } = claim else { return None };
            let is_so = (&**user, &**schedule, seat.parse()) == (hold.user, hold.schedule, Ok(hold.seat))
                && hold.expires_ms.contains(expires_ms);
            let told = || format!("was told to be seat {seat} of {schedule} for {user} until {expires_ms} ms, by the log it is {hold:?}");
            Some(if is_so { Ok(()) } else { Err(told()) })
        });
    }

    /// What a payment that was granted has come to.
    pub(super) fn payment(&mut self, id: &str, payment: Payment<'_>, findings: &mut Findings) {
        self.compare(id, findings, |claim| {
            let is_so = match claim {
                Claim::Paid { reservation, amount, is_back } => {
                    let is_his = reservation == payment.reservation && amount.is_none_or(|krw| krw == payment.amount);
                    is_his && if *is_back { !payment.has_seat } else { payment.had_seat }
                }
                // Who has lost it since may hear that instead.
                Claim::Refused { code, .. } => {
                    !payment.has_seat && (!payment.had_seat || code == "RESERVATION_CANCELLED")
                }
                _ => return None,
            };
            Some(if is_so { Ok(()) } else { Err(format!("was told as {claim:?}, by the log it is {payment:?}")) })
        });
    }

    /// A charge of so many KRW is decided; `balance` after it, if it was posted.
    pub(super) fn charge(&mut self, id: &str, of: (&str, i64), balance: Option<i64>, findings: &mut Findings) {
        self.compare(id, findings, |claim| {
            let is_so = match claim {
                Claim::Charged { user, amount, balance: told } => {
                    (&**user, *amount) == (of.0, Some(of.1)) && balance.is_some() && *told == balance
                }
                Claim::Refused { .. } => balance.is_none(),
                _ => return None,
            };
            Some(if is_so {
                Ok(())
            } else {
                Err(format!("was told as {claim:?}, by the log it is {of:?} leaving {balance:?}"))
            })
        });
    }

    /// A coupon request came to this.
    pub(super) fn issued(&mut self, id: &str, status: &str, coupon: Option<&str>, findings: &mut Findings) {
        self.compare(id, findings, |claim| {
            let Claim::Issued { status: told, coupon: given } = claim else { return None };
            let is_so = told == status && given.as_deref() == coupon;
            Some(if is_so {
                Ok(())
            } else {
                Err(format!("was told {told} {given:?}, by the log it is {status} {coupon:?}"))
            })
        });
    }

    /// Who was sent away at the door was sent away for a reason; `sold` says what there is to say of policy and user, or that it cannot tell.
    pub(super) fn refusals<'s>(
        &mut self,
        sold: impl Fn(&str, &str) -> Option<Option<Sold<'s>>>,
        findings: &mut Findings,
    ) {
        let name = &self.name;
        self.refusals.retain(|refusal| {
            let Some(sold) = sold(&refusal.policy, &refusal.user) else { return true };
            match refusal.judge(sold) {
                Ok(()) => findings.count(Invariant::Agreement, "refusals at the door", 1),
                Err(what) => findings.breach(Invariant::Agreement, format!("{name} line {}", refusal.line), what),
            }
            false
        });
    }

    /// Who was told without the log that there is no such reservation has none; `owner` says whose it is, if it is one of the place in hand.
    pub(super) fn missed<'o>(&self, owner: impl Fn(&str) -> Option<&'o str>, findings: &mut Findings) {
        for (line, request, wanted, user) in &self.missed {
            let is_met = self.told.get(&**request).is_some_and(|told| told.iter().any(|told| told.is_met));
            if let (false, Some(owner)) = (is_met, owner(wanted))
                && user.as_ref().is_none_or(|user| *user == owner)
            {
                let what = format!("{wanted} was told to be no reservation, and {owner} has it");
                findings.breach(Invariant::Agreement, format!("{} line {line}", self.name), what);
            }
        }
    }

    /// What was told of things of `realm` that are not in the log.
    pub(super) fn leftover(&self, realm: Realm, findings: &mut Findings) {
        let all = self.told.iter().flat_map(|(id, told)| told.iter().map(move |told| (id, told)));
        for (id, told) in all.filter(|(_, told)| told.realm == realm && !told.is_met) {
            let at = format!("{} line {}", self.name, told.line);
            match &told.claim {
                Claim::Accepted => {
                    findings.breach(Invariant::OneOutcome, at, format!("{id} was accepted, and is not in the log"));
                }
                Claim::Refused { is_decision: false, .. } => {
                    findings.count(Invariant::Agreement, "refusals before the log", 1);
                }
                claim => {
                    findings.breach(
                        Invariant::Agreement,
                        at,
                        format!("{id} was told as {claim:?}, and is not in the log"),
                    );
                }
            }
        }
    }
}
