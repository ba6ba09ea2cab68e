//! The addresses of the service, and the methods that each takes.

use axum::http::Method;

use crate::serve::access::Scope;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'p> {
    Health,
    Submit,
    Tasks,
    Status,
    Logs,
    /// `/static/NAME`
    Static(&'p str),
    Docs,
    Redoc,
    OpenApi,
    Ready,
    Metrics,
    /// `/`: the list of builds.
    List,
    /// `/builds/ID`
    Detail(&'p str),
    Facts(&'p str),
    Lines(&'p str),
    CancelForm(&'p str),
    RebuildForm(&'p str),
    /// `/assets/NAME`
    Asset(&'p str),
    /// `/api/v1/builds`
    Builds,
    /// `/api/v1/builds/ID`
    Build(&'p str),
    Cancel(&'p str),
    Rebuild(&'p str),
    Log(&'p str),
    /// Anything else below `/api/`.
    UnknownApi,
    Unknown,
}

impl<'p> Route<'p> {
    pub(super) fn of(path: &'p str) -> Self {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match &parts[..] {
            ["healthcheck" | "health"] => Self::Health,
            ["build_with_dockerfile"] => Self::Submit,
            ["task"] => Self::Tasks,
            ["task", "status"] => Self::Status,
            ["task", "logs"] => Self::Logs,
            ["static", name] => Self::Static(name),
            ["docs"] => Self::Docs,
            ["redoc"] => Self::Redoc,
            ["openapi.json"] => Self::OpenApi,
            ["readyz"] => Self::Ready,
            ["metrics"] => Self::Metrics,
            [""] => Self::List,
            ["builds", id] if !id.is_empty() => Self::Detail(id),
            ["builds", id, "facts"] => Self::Facts(id),
            ["builds", id, "lines"] => Self::Lines(id),
            ["builds", id, "cancel"] => Self::CancelForm(id),
            ["builds", id, "rebuild"] => Self::RebuildForm(id),
            ["assets", name] => Self::Asset(name),
            ["api", "v1", "builds"] => Self::Builds,
            ["api", "v1", "builds", id] if !id.is_empty() => Self::Build(id),
            ["api", "v1", "builds", id, "cancel"] => Self::Cancel(id),
            ["api", "v1", "builds", id, "rebuild"] => Self::Rebuild(id),
            ["api", "v1", "builds", id, "log"] => Self::Log(id),
            ["api", ..] => Self::UnknownApi,
            _ => Self::Unknown,
        }
    }

    /// What the `allow` header says; nothing if every method is as good as another.
    pub(super) fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Submit | Self::Cancel(_) | Self::Rebuild(_) | Self::CancelForm(_) | Self::RebuildForm(_) => &["POST"],
            Self::Builds => &["GET", "POST"],
            Self::Static(_) | Self::Log(_) => &["GET", "HEAD"],
            Self::Unknown | Self::UnknownApi => &[],
            _ => &["GET"],
        }
    }

    /// What a token must be good for; nothing where none is wanted.
    pub(super) fn scope(self, method: &Method) -> Option<Scope> {
        match self {
            Self::Submit | Self::Cancel(_) | Self::Rebuild(_) | Self::CancelForm(_) | Self::RebuildForm(_) => {
                Some(Scope::Submit)
            }
            Self::Builds if method == Method::POST => Some(Scope::Submit),
            Self::Tasks | Self::Status | Self::Logs | Self::Static(_) => Some(Scope::Read),
            Self::Builds | Self::Build(_) | Self::Log(_) | Self::Metrics => Some(Scope::Read),
            Self::List | Self::Detail(_) | Self::Facts(_) | Self::Lines(_) => Some(Scope::Read),
            Self::Health | Self::Docs | Self::Redoc | Self::OpenApi | Self::Ready | Self::Asset(_) => None,
            Self::Unknown | Self::UnknownApi => None,
        }
    }

    /// The address without what callers put into it.
    pub(super) fn pattern(self) -> &'static str {
        match self {
            Self::Health => "/health",
            Self::Submit => "/build_with_dockerfile",
            Self::Tasks => "/task",
            Self::Status => "/task/status",
            Self::Logs => "/task/logs",
            Self::Static(_) => "/static/{name}",
            Self::Docs => "/docs",
            Self::Redoc => "/redoc",
            Self::OpenApi => "/openapi.json",
            Self::Ready => "/readyz",
            Self::Metrics => "/metrics",
            Self::List => "/",
            Self::Detail(_) => "/builds/{id}",
            Self::Facts(_) => "/builds/{id}/facts",
            Self::Lines(_) => "/builds/{id}/lines",
            Self::CancelForm(_) => "/builds/{id}/cancel",
            Self::RebuildForm(_) => "/builds/{id}/rebuild",
            Self::Asset(_) => "/assets/{name}",
            Self::Builds => "/api/v1/builds",
            Self::Build(_) => "/api/v1/builds/{id}",
            Self::Cancel(_) => "/api/v1/builds/{id}/cancel",
            Self::Rebuild(_) => "/api/v1/builds/{id}/rebuild",
            Self::Log(_) => "/api/v1/builds/{id}/log",
            Self::UnknownApi | Self::Unknown => "unknown",
        }
    }

    pub(super) fn is_of_api(self) -> bool {
        let api = [Self::Builds, Self::UnknownApi, Self::Ready].contains(&self);
        api || matches!(self, Self::Build(_) | Self::Cancel(_) | Self::Rebuild(_) | Self::Log(_))
    }

    /// A path with a slash too much at its end, without it.
    pub(super) fn without_slash(path: &'p str) -> Option<&'p str> {
        let bare = path.strip_suffix('/')?;
        let route = Self::of(bare);
        (!matches!(route, Self::Unknown | Self::UnknownApi | Self::Static(_) | Self::List)).then_some(bare)
    }
}

/// A path below the prefix, or as it is: some proxies remove the prefix and some do not.
pub(super) fn below<'p>(prefix: &str, path: &'p str) -> &'p str {
    match path.strip_prefix(prefix) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_paths() {
        for (path, expected) in [
            ("/", Route::List),
            ("//", Route::Unknown),
            ("/builds/x/cancel", Route::CancelForm("x")),
            ("/health", Route::Health),
            ("/task", Route::Tasks),
            ("/task/status", Route::Status),
            ("/static/x.log", Route::Static("x.log")),
            ("/static/a/b", Route::Unknown),
            ("/api/v1/builds", Route::Builds),
            ("/api/v1/builds/", Route::UnknownApi),
            ("/api/v1/builds/x/cancel", Route::Cancel("x")),
            ("/api/v2", Route::UnknownApi),
            ("task", Route::Unknown),
        ] {
            assert_eq!(Route::of(path), expected, "{path}");
        }
        assert_eq!(Route::without_slash("/task/"), Some("/task"));
        assert_eq!(Route::without_slash("/task//"), None);
        assert_eq!(Route::without_slash("/"), None);
        assert_eq!(Route::without_slash("/static/x/"), None);
    }

    #[test]
    fn a_prefix_may_be_there_or_not() {
        let prefix = "/artifact-builder";
        for (path, expected) in [
            ("/artifact-builder/task", "/task"),
            ("/task", "/task"),
            ("/artifact-builder", "/"),
            ("/artifact-builder2/task", "/artifact-builder2/task"),
        ] {
            assert_eq!(below(prefix, path), expected);
        }
        assert_eq!(below("", "/task"), "/task");
    }
}
