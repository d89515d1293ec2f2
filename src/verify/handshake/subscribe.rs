//! Where a subscription of AWS SNS may be confirmed: at SNS itself, by https, and nowhere else.

use crate::verify::schemes::sns::is_host;

/// Longer than any.
const MAX_URL: usize = 2048;

/// The address written anew from the parts that were checked, so that no other reader of it finds another host; none where
/// it is not one of SNS for this purpose.
pub(super) fn subscribe_url(text: &str) -> Option<String> {
    if text.len() > MAX_URL {
        return None;
    }
    let (host, rest) = text.strip_prefix("https://")?.split_once('/')?;
    let query = rest.strip_prefix('?')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "&=%:._~-".contains(c);
    let confirms = query
        .split('&')
        .any(|pair| pair == "Action=ConfirmSubscription");
    (is_host(host) && confirms && query.chars().all(plain))
        .then(|| format!("https://{host}/?{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUERY: &str = "Action=ConfirmSubscription&TopicArn=arn:aws:sns:us-west-2:123456789012:MyTopic&Token=2336412f37f";

    #[test]
    fn only_sns_is_called() {
        for host in [
            "sns.us-west-2.amazonaws.com",
            "sns.cn-north-1.amazonaws.com.cn",
        ] {
            let url = format!("https://{host}/?{QUERY}");
            assert_eq!(subscribe_url(&url), Some(url.clone()), "{host}");
        }
        for host in [
            "sns.us-west-2.amazonaws.com.evil.example",
            "evil.example/sns.us-west-2.amazonaws.com",
            "sns.us-west-2.amazonaws.com:444",
            "sns.us-west-2.amazonaws.com@evil.example",
            "evil.example@sns.us-west-2.amazonaws.com",
            "evil.example\\@sns.us-west-2.amazonaws.com",
            "evil.example#sns.us-west-2.amazonaws.com",
            "sns.a.b.amazonaws.com",
            "sns.eu.amazonaws.com",
            "sns.s3-us-west-2.amazonaws.com",
            "SNS.us-west-2.amazonaws.com",
            "xsns.us-west-2.amazonaws.com",
            "sns..amazonaws.com",
            "127.0.0.1",
            "",
        ] {
            assert_eq!(
                subscribe_url(&format!("https://{host}/?{QUERY}")),
                None,
                "{host}"
            );
        }
        let host = "sns.us-west-2.amazonaws.com";
        for url in [
            format!("http://{host}/?{QUERY}"),
            format!("https://{host}/other?{QUERY}"),
            format!("https://{host}/?Action=DeleteTopic"),
            format!("https://{host}/?{QUERY}#x"),
            format!("https://{host}/?{QUERY}\r\nHost: x"),
            format!("https://{host}/?{QUERY}{}", "a".repeat(MAX_URL)),
        ] {
            assert_eq!(subscribe_url(&url), None, "{url}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_called_is_under_amazonaws(url in "https://[a-z.@:/\\\\#?-]{0,30}(sns.us-east-1.amazonaws.com)?[a-z.@:/\\\\#?-]{0,10}/\\?Action=ConfirmSubscription") {
            if let Some(url) = subscribe_url(&url) {
                let parsed: http::Uri = url.parse().unwrap();
                let host = parsed.host().unwrap();
                prop_assert!(host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn"));
                prop_assert_eq!(parsed.authority().unwrap().as_str(), host);
            }
        }
    }
}
