//! Google's OAuth 2.0 and OpenID endpoints.

pub(crate) mod authorization;
mod authorize;
pub(crate) mod consent;
pub(crate) mod credentials;
mod discovery;
pub(crate) mod error;
mod exchange;
mod id_token;
mod refresh;
mod revoke;
pub(crate) mod scope;
pub(crate) mod service_account;
mod token;
mod tokeninfo;
mod userinfo;

use actix_web::web;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/o/oauth2/v2/auth", web::get().to(authorize::show))
        .route("/o/oauth2/v2/auth", web::post().to(authorize::decide))
        .route("/o/oauth2/auth", web::get().to(authorize::show))
        .route("/token", web::post().to(token::token))
        .route("/revoke", web::post().to(revoke::revoke))
        .route("/revoke", web::get().to(revoke::revoke))
        .route("/tokeninfo", web::route().to(tokeninfo::oidc))
        .route("/oauth2/v2/tokeninfo", web::route().to(tokeninfo::v2))
        .route("/oauth2/v3/tokeninfo", web::route().to(tokeninfo::oidc))
        .route("/.well-known/openid-configuration", web::get().to(discovery::configuration))
        .route("/oauth2/v3/certs", web::get().to(discovery::certificates))
        .route("/oauth2/v2/userinfo", web::get().to(userinfo::v2))
        .route("/oauth2/v3/userinfo", web::get().to(userinfo::oidc))
        .route("/v1/userinfo", web::route().to(userinfo::oidc));
}
