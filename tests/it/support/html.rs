//! The little of HTML that our own pages need read.

/// A form: where it goes, and the fields that are filled in already.
#[derive(Clone, Debug)]
pub struct Form {
    pub action: String,
    pub fields: Vec<(String, String)>,
}

/// The first form of a page, with its hidden and prefilled fields. Buttons are not pressed.
pub fn form(html: &str) -> Option<Form> {
    let start = html.find("<form ")?;
    let form = &html[start..];
    let form = &form[..form.find("</form>")?];
    let action = attribute(tags(form, "form").next()?, "action")?;
    let field = |tag: &str| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()));
    let mut fields: Vec<_> = tags(form, "input").filter_map(field).collect();
    fields.extend(
        form.match_indices("<textarea ")
            .filter_map(|(at, _)| text_area(&form[at..])),
    );
    Some(Form { action, fields })
}

/// A line break right behind the tag is none of the text.
fn text_area(html: &str) -> Option<(String, String)> {
    let (tag, rest) = html.split_once('>')?;
    let text = rest.split("</textarea>").next()?;
    Some((
        attribute(tag, "name")?,
        unescape(text.strip_prefix('\n').unwrap_or(text)),
    ))
}

/// The values of the buttons called `name`.
pub fn buttons(html: &str, name: &str) -> Vec<String> {
    tags(html, "button")
        .filter(|tag| attribute(tag, "name").as_deref() == Some(name))
        .filter_map(|tag| attribute(tag, "value"))
        .collect()
}

/// The text of the first `<h1>`, up to any tag inside.
pub fn heading(html: &str) -> String {
    let text = html.split_once("<h1>").map_or("", |(_, rest)| rest);
    unescape(text.split('<').next().unwrap_or_default()).trim().to_owned()
}

fn tags<'a>(html: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let open = format!("<{name} ");
    html.match_indices(&open)
        .map(|(at, _)| &html[at..])
        .map(|tag| &tag[..tag.find('>').unwrap_or(tag.len())])
        .collect::<Vec<_>>()
        .into_iter()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(unescape(rest.split('"').next()?))
}

/// What askama escapes.
fn unescape(text: &str) -> String {
    [
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#38;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}
