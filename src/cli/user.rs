//! `portcullis user`: the people who sign in.

mod claims;
mod password;

use anyhow::{anyhow, bail, ensure};
use clap::Subcommand;
use serde_json::{Value, json};

pub use self::claims::ClaimsArgs;
pub use self::password::PasswordArgs;
use super::cx::Cx;
use super::output;
use super::trail::changed;
use crate::crypto::random;
use crate::model::audit_event::AuditKind;
use crate::model::user::{PairwiseSalt, User, UserId, Username};
use crate::protocol::standard_claims::StandardClaims;
use crate::store::UserWrite;

/// Manage users.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Create a user. Without a password option a password is generated and shown once
    Create {
        /// What they type to sign in
        username: String,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordArgs,
        /// What is known about them.
        #[command(flatten)]
        claims: Box<ClaimsArgs>,
        /// May administer this server
        #[arg(long)]
        admin: bool,
    },
    /// List all users
    List,
    /// Show one user
    Show {
        /// Whom
        username: String,
    },
    /// Set a password; ends the user's sessions and everything that was granted in them
    SetPassword {
        /// Whose
        username: String,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Change what applications may be told about a user. A file replaces all claims, flags change single ones
    SetClaims {
        /// About whom
        username: String,
        /// What is known about them.
        #[command(flatten)]
        claims: Box<ClaimsArgs>,
    },
    /// Sign a user out everywhere: ends all sessions, and what was granted in them for no longer. Offline access stays
    SignOut {
        /// Whom
        username: String,
    },
    /// Disable a user: signed out everywhere, and no sign-in any more
    Disable {
        /// Whom
        username: String,
    },
    /// Let a disabled user sign in again
    Enable {
        /// Whom
        username: String,
    },
}

/// Runs the command.
pub async fn run(command: Command, cx: &Cx) -> anyhow::Result<()> {
    match command {
        Command::Create {
            username,
            password,
            claims,
            admin,
        } => {
            let claims = claims.apply(StandardClaims::default())?;
            create(cx, &username, claims, &password, admin).await
        }
        Command::List => list(cx).await,
        Command::Show { username } => show(cx, &username).await,
        Command::SetPassword { username, password } => set_password(cx, &username, &password).await,
        Command::SetClaims { username, claims } => set_claims(cx, &username, *claims).await,
        Command::SignOut { username } => sign_out(cx, &username).await,
        Command::Disable { username } => disable(cx, &username).await,
        Command::Enable { username } => enable(cx, &username).await,
    }
}

async fn create(
    cx: &Cx,
    username: &str,
    claims: StandardClaims,
    password: &PasswordArgs,
    is_admin: bool,
) -> anyhow::Result<()> {
    let username = Username::register(username)?;
    let id = UserId(random::uuid_v4());
    refuse_shadowing(&cx.store.users().await?, id, &username, claims.email.as_deref())?;
    let personal = [username.as_str(), claims.email.as_deref().unwrap_or_default()];
    let password = password.resolve(cx, &personal).await?;
    let now = cx.now();
    let user = User {
        id,
        username: username.clone(),
        password: Some(password.hash),
        claims,
        is_admin,
        pairwise_salt: PairwiseSalt(random::bytes()),
        created_at: now,
        updated_at: now,
        disabled_at: None,
    };
    let trail = cx.trail().await?;
    if cx.store.insert_user(&user).await? == UserWrite::Taken {
        bail!(
            "the username {} is taken; `portcullis user show {0}` shows whose it is",
            username.as_str()
        );
    }
    let event = trail.event(AuditKind::UserCreated).subject(user.id);
    trail.record(event.detail("admin", is_admin)).await?;
    print_user(cx, &user, "Created the user.", password.generated.as_deref())
}

/// A name that looks like an e-mail address must not be the address of somebody else, nor the other way round: one of the two
/// would receive what is meant for the other.
fn refuse_shadowing(users: &[User], id: UserId, username: &Username, email: Option<&str>) -> anyhow::Result<()> {
    let email = email.and_then(Username::canonical);
    for other in users.iter().filter(|other| other.id != id) {
        let other_email = other.claims.email.as_deref().and_then(Username::canonical);
        ensure!(
            other_email.as_ref() != Some(username),
            "the username {} is the e-mail address of the user {}; choose another username",
            username.as_str(),
            other.username.as_str()
        );
        ensure!(
            email.as_ref() != Some(&other.username),
            "the e-mail address {} is the username of another user; choose another address",
            other.username.as_str()
        );
    }
    Ok(())
}

async fn list(cx: &Cx) -> anyhow::Result<()> {
    let users = cx.store.users().await?;
    let rows: Vec<Vec<String>> = users
        .iter()
        .map(|user| {
            let state = if user.is_enabled() { "enabled" } else { "disabled" };
            let admin = if user.is_admin { "admin" } else { "" };
            let email = user.claims.email.clone().unwrap_or_default();
            vec![
                user.username.as_str().to_owned(),
                user.claims.name.clone().unwrap_or_default(),
                email,
                state.to_owned(),
                admin.to_owned(),
            ]
        })
        .collect();
    let header = ["USERNAME", "NAME", "E-MAIL", "STATE", "ROLE"];
    let empty = "No users yet. Create one with: portcullis user create USERNAME";
    let document = Value::Array(users.iter().map(document).collect());
    output::print(cx.json, &document, &output::table(&header, &rows, empty))
}

async fn show(cx: &Cx, username: &str) -> anyhow::Result<()> {
    let user = find(cx, username).await?;
    output::print(cx.json, &document(&user), &card(&user)?)
}

async fn set_password(cx: &Cx, username: &str, password: &PasswordArgs) -> anyhow::Result<()> {
    let user = find(cx, username).await?;
    let personal = [
        user.username.as_str(),
        user.claims.email.as_deref().unwrap_or_default(),
        user.display_name(),
    ];
    let password = password.resolve(cx, &personal).await?;
    let trail = cx.trail().await?;
    let outcome = cx.store.set_password(user.id, &password.hash, cx.now()).await?;
    settle(outcome, &user)?;
    trail
        .record(trail.event(AuditKind::PasswordChanged).subject(user.id))
        .await?;
    let text = "The password is set. The user's sessions and grants have ended: they sign in again everywhere.";
    print_change(cx, &user, text, password.generated.as_deref())
}

async fn set_claims(cx: &Cx, username: &str, claims: ClaimsArgs) -> anyhow::Result<()> {
    let mut user = find(cx, username).await?;
    let before = user.claims.clone();
    user.claims = claims.apply(before.clone())?;
    ensure!(
        user.claims != before,
        "that changes nothing; give --claims FILE, or flags such as --email"
    );
    let email = user.claims.email.as_deref();
    refuse_shadowing(&cx.store.users().await?, user.id, &user.username, email)?;
    let trail = cx.trail().await?;
    settle(cx.store.set_claims(&user, cx.now()).await?, &user)?;
    let event = trail.event(AuditKind::UserChanged).subject(user.id);
    trail
        .record(event.detail("claims", changed(&before, &user.claims)?))
        .await?;
    let user = find(cx, username).await?;
    print_user(cx, &user, "Changed the claims.", None)
}

async fn sign_out(cx: &Cx, username: &str) -> anyhow::Result<()> {
    let user = find(cx, username).await?;
    let trail = cx.trail().await?;
    let ended = cx.store.end_other_sessions(user.id, None, cx.now()).await?;
    let event = trail.event(AuditKind::SessionEnded).subject(user.id);
    trail.record(event.detail("sessions", ended)).await?;
    let text = match ended {
        0 => "The user was not signed in anywhere.".to_owned(),
        1 => "The user is signed out: one session has ended.".to_owned(),
        many => format!("The user is signed out everywhere: {many} sessions have ended."),
    };
    print_change(cx, &user, &text, None)
}

async fn disable(cx: &Cx, username: &str) -> anyhow::Result<()> {
    let user = find(cx, username).await?;
    let trail = cx.trail().await?;
    settle(cx.store.disable_user(user.id, cx.now()).await?, &user)?;
    let event = trail.event(AuditKind::UserChanged).subject(user.id);
    trail.record(event.detail("enabled", false)).await?;
    let text = "The user is disabled. Their sessions and grants have ended.";
    print_change(cx, &user, text, None)
}

async fn enable(cx: &Cx, username: &str) -> anyhow::Result<()> {
    let user = find(cx, username).await?;
    let trail = cx.trail().await?;
    settle(cx.store.enable_user(user.id).await?, &user)?;
    let event = trail.event(AuditKind::UserChanged).subject(user.id);
    trail.record(event.detail("enabled", true)).await?;
    print_change(cx, &user, "The user is enabled and may sign in again.", None)
}

async fn find(cx: &Cx, typed: &str) -> anyhow::Result<User> {
    let found = match Username::canonical(typed) {
        Some(username) => cx.store.user_by_name(&username).await?,
        None => None,
    };
    found.ok_or_else(|| anyhow!("there is no user {typed:?}; `portcullis user list` lists them"))
}

fn settle(outcome: UserWrite, user: &User) -> anyhow::Result<()> {
    let name = user.username.as_str();
    match outcome {
        UserWrite::Done => Ok(()),
        UserWrite::NotFound | UserWrite::Taken => bail!("the user {name} is gone"),
    }
}

/// A change, and the whole user behind it.
fn print_user(cx: &Cx, user: &User, text: &str, generated: Option<&str>) -> anyhow::Result<()> {
    let mut document = document(user);
    let mut text = format!("{text}\n\n{}", card(user)?);
    add_password(&mut document, &mut text, generated);
    output::print(cx.json, &document, &text)
}

/// A change alone.
fn print_change(cx: &Cx, user: &User, text: &str, generated: Option<&str>) -> anyhow::Result<()> {
    let mut document = json!({ "username": user.username.as_str(), "sub": user.id, "message": text });
    let mut text = format!("{text}\n");
    add_password(&mut document, &mut text, generated);
    output::print(cx.json, &document, &text)
}

fn add_password(document: &mut Value, text: &mut String, generated: Option<&str>) {
    if let Some(password) = generated {
        document["password"] = json!(password);
        text.push_str(&output::secret("Password", password));
    }
}

fn card(user: &User) -> anyhow::Result<String> {
    let state = match user.disabled_at {
        Some(at) => format!("disabled since {}", output::date(at)),
        None => "enabled".to_owned(),
    };
    let mut rows = vec![
        ("username", user.username.as_str().to_owned()),
        ("sub", user.id.to_string()),
        ("state", state),
        ("role", if user.is_admin { "admin".into() } else { String::new() }),
        ("created", output::date(user.created_at)),
    ];
    let claims = serde_json::to_value(&user.claims)?;
    for (name, value) in claims.as_object().into_iter().flatten() {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        rows.push((name, shown));
    }
    Ok(output::card(&rows))
}

fn document(user: &User) -> Value {
    json!({
        "username": user.username.as_str(),
        "sub": user.id,
        "enabled": user.is_enabled(),
        "admin": user.is_admin,
        "has_password": user.password.is_some(),
        "created_at": output::date(user.created_at),
        "updated_at": output::date(user.updated_at),
        "disabled_at": user.disabled_at.map(output::date),
        "claims": user.claims,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn user(username: &str, email: Option<&str>) -> User {
        User {
            id: UserId(random::uuid_v7(Timestamp(0))),
            username: Username::register(username).unwrap(),
            password: None,
            claims: StandardClaims {
                email: email.map(str::to_owned),
                ..StandardClaims::default()
            },
            is_admin: false,
            pairwise_salt: PairwiseSalt(random::bytes()),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            disabled_at: None,
        }
    }

    #[test]
    fn names_and_addresses_do_not_shadow_each_other() {
        let users = [user("alice", Some("Alice@Example.com")), user("bob@example.com", None)];
        let new = UserId(random::uuid_v7(Timestamp(1)));
        let check = |id, name: &str, email| refuse_shadowing(&users, id, &Username::register(name).unwrap(), email);
        assert!(check(new, "carol", Some("carol@example.com")).is_ok());
        assert!(check(new, "alice@example.com", None).is_err());
        assert!(check(new, "carol", Some("BOB@example.com")).is_err());
        // One's own name and address may be the same.
        assert!(check(users[1].id, "bob@example.com", Some("bob@example.com")).is_ok());
    }
}
