//! The pages a person sees.

use crate::practice::tenant::directory::Person;

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

/// A link to the same page, with its fields and more.
pub(super) fn link(fields: &[(String, String)], more: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let replaced = |name: &str| more.iter().any(|(other, _)| *other == name);
    query.extend_pairs(fields.iter().filter(|(name, _)| !replaced(name)));
    query.extend_pairs(more);
    format!("?{}", query.finish())
}

/// Who signs in?
pub(super) fn choice(application: &str, people: &[Person], fields: &[(String, String)]) -> String {
    let entries: Vec<String> = people
        .iter()
        .map(|person| {
            let href = link(fields, &[(super::authorize::PICKED, &person.user_principal_name)]);
            let name = escaped(&person.display_name);
            let address = escaped(&person.user_principal_name);
            let roles = escaped(&person.directory_roles.join(", "));
            let roles = if roles.is_empty() { String::new() } else { format!(" ({roles})") };
            format!("<li><a href=\"{}\">{name}</a> {address}{roles}</li>", escaped(&href))
        })
        .collect();
    page("Pick an account", &format!("<p>to continue to {}</p><ul>{}</ul>", escaped(application), entries.concat()))
}

/// An administrator's consent.
pub(super) fn consent(application: &str, scopes: &[String], link: &str) -> String {
    let entries: Vec<String> = scopes.iter().map(|scope| format!("<li>{}</li>", escaped(scope))).collect();
    let content = format!(
        "<p>{} would like to:</p><ul>{}</ul><p><a id=\"accept\" href=\"{}\">Accept on behalf of your organization</a></p>",
        escaped(application),
        entries.concat(),
        escaped(link)
    );
    page("Permissions requested", &content)
}

/// The form that takes a browser back to a client that asked for `response_mode=form_post`.
pub(super) fn form_post(redirect_uri: &str, fields: &[(&str, &str)]) -> String {
    let inputs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escaped(name), escaped(value)))
        .collect();
    let form = format!(
        "<form method=\"post\" action=\"{}\">{}<button>Continue</button></form><script>document.forms[0].submit()</script>",
        escaped(redirect_uri),
        inputs.concat()
    );
    page("Working...", &form)
}

/// The page for a device's code.
pub(super) fn device(code: &str, people: &[Person]) -> String {
    let options: Vec<String> = people
        .iter()
        .map(|person| {
            let address = escaped(&person.user_principal_name);
            format!("<option value=\"{address}\">{} {address}</option>", escaped(&person.display_name))
        })
        .collect();
    let form = format!(
        "<form method=\"post\"><p><label>Code <input name=\"user_code\" value=\"{}\" autofocus></label></p>\
         <p><label>Account <select name=\"user\">{}</select></label></p>\
         <button name=\"action\" value=\"approve\">Sign in</button> <button name=\"action\" value=\"decline\">Decline</button></form>",
        escaped(code),
        options.concat()
    );
    page("Enter the code shown on your device", &form)
}
