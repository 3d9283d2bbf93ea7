package oauth

// The paths of the endpoints, below the issuer. Metadata, routes and error descriptions take them from here. Each
// endpoint answers without the trailing slash, too.
const (
	PathAuthorization       = "/o/authorize/"
	PathToken               = "/o/token/"
	PathRevocation          = "/o/revoke_token/"
	PathIntrospection       = "/o/introspect/"
	PathPushed              = "/o/par/"
	PathUserInfo            = "/o/userinfo/"
	PathEndSession          = "/o/logout/"
	PathMetadata            = "/.well-known/oauth-authorization-server" // RFC 8414 §3
	PathOpenIDConfiguration = "/.well-known/openid-configuration"       // OpenID Connect Discovery §4
	PathJWKS                = "/.well-known/jwks.json"
	PathEnded               = "/.well-known/ended-tokens.jwt"
)
