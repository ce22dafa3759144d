//! The pages of accounts: signing in, an invitation, the first owner, a new password, one's own account, and the owner's
//! console. One document for all; its script draws what the page is for, and asks the interface as any other client would.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
    web::Data,
};
use askama::Template;

use super::{
    html::{html, lang, parameter, static_base},
    page::theme,
    security,
    site::Site,
};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    lang: &'static str,
    theme: &'static str,
    title: &'static str,
    name: &'static str,
    base: &'a str,
    static_base: &'a str,
}

#[derive(Template)]
#[template(path = "console.html")]
struct ConsolePage<'a> {
    lang: &'static str,
    theme: &'static str,
    title: &'static str,
    base: &'a str,
    static_base: &'a str,
}

/// `GET /login`: signing in with address and password.
pub async fn login(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    page(&request, &site, "login", ["Sign in", "로그인"])
}

/// `GET /register`: a new account. The code of an invitation is behind the `#`, which no server gets to see.
pub async fn register(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    page(&request, &site, "register", ["New account", "계정 만들기"])
}

/// `GET /setup`: the first owner, by the link that a server without one prints.
pub async fn setup(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    page(&request, &site, "setup", ["Setting up", "첫 설정"])
}

/// `GET /reset`: a new password, by a link that is good once.
pub async fn reset(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    page(&request, &site, "reset", ["New password", "새 비밀번호"])
}

/// `GET /verify`: whether an address is somebody's, by a link that was mailed there.
pub async fn verify(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    page(&request, &site, "verify", ["Your mail address", "메일 주소 확인"])
}

/// `GET /me`: one's own account.
pub async fn me(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    page(&request, &site, "me", ["Your account", "내 계정"])
}

/// `GET /admin` and what is below it: the owner's console. Whoever has no right to something is refused by the interface,
/// which is where the page has all of it from.
pub async fn admin(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    let lang = lang(&request);
    let page = ConsolePage {
        lang,
        theme: theme(parameter(&request, "theme").as_deref()),
        title: if lang == "ko" { "관리" } else { "Console" },
        base: site.base_path.as_str(),
        static_base: &static_base(&site.base_path),
    };
    unframed(&request, page.render())
}

/// `GET /contact`: a form that writes to the owner. Where there is none the page says so.
pub async fn contact(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    page(&request, &site, "contact", ["Contact", "문의하기"])
}

/// `GET /answers`: whether somebody wants to be mailed of answers, by a link that was mailed there.
pub async fn answers(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    page(&request, &site, "answers", ["Answers by mail", "답글 메일"])
}

/// `GET /answers/{key}`: a page that asks whether somebody wants no more of them. It takes a press: what looks at mail before
/// its reader does opens links as well.
pub async fn stop_answers(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    page(&request, &site, "stop", ["No more answers by mail", "답글 메일 그만 받기"])
}

/// `titles` are the English and the Korean one.
fn page(request: &HttpRequest, site: &Site, name: &'static str, titles: [&'static str; 2]) -> HttpResponse {
    let lang = lang(request);
    let [english, korean] = titles;
    let page = AccountPage {
        lang,
        theme: theme(parameter(request, "theme").as_deref()),
        title: if lang == "ko" { korean } else { english },
        name,
        base: site.base_path.as_str(),
        static_base: &static_base(&site.base_path),
    };
    unframed(request, page.render())
}

/// A page of another site never shows any of these: what is typed and pressed here is worth clicks that nobody sees.
fn unframed(request: &HttpRequest, page: askama::Result<String>) -> HttpResponse {
    let mut response = html(request, "frame-ancestors 'none'", &security::nonce(), page);
    response.headers_mut().insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}
