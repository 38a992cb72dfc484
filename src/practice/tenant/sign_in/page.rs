//! The pages a person sees.

/// Makes text harmless in HTML.
pub(super) fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut safe, letter| {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
        safe
    })
}

/// A whole page around its content, which is HTML already.
pub(super) fn page(title: &str, content: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
         <style>body{{font-family:sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;line-height:1.5}}\
         .practice{{background:#fe9;padding:.3rem .6rem}}li,button{{margin:.4rem 0}}</style></head>\
         <body><p class=\"practice\">Practice tenant: nobody really signs in here.</p><h1>{title}</h1>{content}</body></html>\n"
    )
}

/// A refusal.
pub(super) fn refusal(description: &str) -> String {
    page("Sorry, but we're having trouble signing you in.", &format!("<p id=\"error\">{}</p>", escaped(description)))
}
