//! What is said of a field that makes no sense, in both languages. A contact's value is never repeated.

use crate::http::error::ApiError;
use holdfast_model::notification::contact::ContactFault;
use holdfast_model::notification::preferences::PreferencesFault;

/// The refusal of preferences.
pub(super) fn of_preferences(fault: &PreferencesFault) -> ApiError {
    let ko = match fault.field {
        "channels" => "log, webhook, fcm, kakao, sms, discord, slack 중에서만 지정할 수 있습니다.",
        "types" => "64바이트 이하의 이름을 100개까지 지정할 수 있습니다.",
        _ if fault.why == "must not end when they begin" => "시작과 끝이 같을 수 없습니다.",
        _ => "HH:MM 형식이어야 합니다.",
    };
    ApiError::field(fault.field, (ko, fault.why))
}

/// The refusal of a contact.
pub(super) fn of_contact(fault: &ContactFault) -> ApiError {
    let ko = match fault.field {
        "fcmTokens" if fault.why == "must be at most 10" => "10개 이하여야 합니다.",
        "fcmTokens" => "1자 이상 4,096자 이하의 출력 가능한 ASCII 문자여야 합니다.",
        "discordUserId" => "17자리 이상 20자리 이하의 숫자여야 합니다.",
        "slackUserId" => "'U' 또는 'W'로 시작하고 대문자와 숫자 8자 이상 19자 이하가 이어져야 합니다.",
        _ => "'+', 국가 번호, 전화번호 순서의 숫자 8자리 이상 15자리 이하여야 합니다.",
    };
    ApiError::field(fault.field, (ko, fault.why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::error::FieldError;
    use holdfast_model::notification::contact::Contact;
    use holdfast_model::notification::preferences::{QuietHours, SetPreferences};

    fn only(error: ApiError) -> FieldError {
        match error {
            ApiError::Invalid(mut errors) if errors.len() == 1 => errors.remove(0),
            other => panic!("{other:?}"),
        }
    }

    /// The English text is the model's; the Korean one is found by it and has to say the same.
    #[test]
    fn each_fault_has_its_own_text_in_both_languages() {
        let quiet = |from: &str, to: &str| SetPreferences {
            quiet_hours: Some(QuietHours { from: from.to_owned(), to: to.to_owned() }),
            ..SetPreferences::default()
        };
        let channel = SetPreferences { channels: [("email".to_owned(), true)].into(), ..SetPreferences::default() };
        let kind = SetPreferences { types: [("T".repeat(65), true)].into(), ..SetPreferences::default() };
        let mut told: Vec<_> = [quiet("25:00", "08:00"), quiet("08:00", "08:00"), channel, kind]
            .iter()
            .map(|wanted| only(of_preferences(&wanted.row(0).unwrap_err())))
            .collect();
        let of = |change: fn(&mut Contact)| {
            let mut contact = Contact::default();
            change(&mut contact);
            only(of_contact(&contact.check().unwrap_err()))
        };
        told.extend([
            of(|contact| contact.phone = Some("010-1234-5678".to_owned())),
            of(|contact| contact.fcm_tokens = vec![String::new()]),
            of(|contact| contact.fcm_tokens = vec!["t".to_owned(); 11]),
            of(|contact| contact.discord_user_id = Some("1".to_owned())),
            of(|contact| contact.slack_user_id = Some("x".to_owned())),
        ]);
        let fields: Vec<_> = told.iter().map(|error| &*error.field).collect();
        assert_eq!(
            fields,
            [
                "quietHours",
                "quietHours",
                "channels",
                "types",
                "phone",
                "fcmTokens",
                "fcmTokens",
                "discordUserId",
                "slackUserId"
            ]
        );
        for texts in
            [told.iter().map(|e| &e.reason.ko).collect::<Vec<_>>(), told.iter().map(|e| &e.reason.en).collect()]
        {
            let mut different = texts.clone();
            different.sort();
            different.dedup();
            assert_eq!(different.len(), texts.len(), "{texts:?}");
        }
        let own = of(|contact| contact.kakao_phone = Some("010-9999-8888".to_owned()));
        assert_eq!(&*own.field, "kakaoPhone");
        assert!(!format!("{own:?}").contains("9999"), "a contact is not repeated");
    }
}
