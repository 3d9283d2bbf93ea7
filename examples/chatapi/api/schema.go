package api

import (
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

const securityScheme = "gatehouse"

// document returns the OpenAPI document of the operations.
func document(cfg Config) *openapi3.T {
	names := map[string]string{}
	for _, s := range scopes {
		names[s.name] = s.description
	}
	scheme := openapi3.NewSecurityScheme().WithType("oauth2").
		WithDescription("Authorization code with PKCE (S256). The person chooses the team; the token works in that team only.")
	scheme.Flows = &openapi3.OAuthFlows{AuthorizationCode: &openapi3.OAuthFlow{
		AuthorizationURL: cfg.Issuer + "/o/authorize/", TokenURL: cfg.Issuer + "/o/token/", Scopes: names,
	}}
	doc := &openapi3.T{
		OpenAPI: "3.0.3",
		Info: &openapi3.Info{
			Title: "Chatbots", Version: "1",
			Description: "Chatbots and their sessions, per team. An example of an API that Gatehouse protects.",
		},
		Servers:    openapi3.Servers{{URL: cfg.PublicURL}},
		Components: &openapi3.Components{SecuritySchemes: openapi3.SecuritySchemes{securityScheme: {Value: scheme}}},
		Paths:      openapi3.NewPaths(),
	}
	for _, op := range operations {
		doc.AddOperation(op.path, op.method, op.document())
	}
	return doc
}

var pathParameter = regexp.MustCompile(`{(\w+)}`)

func (op operation) document() *openapi3.Operation {
	o := openapi3.NewOperation()
	o.OperationID, o.Summary = op.id, op.summary
	o.Tags = []string{strings.Split(op.path, "/")[2]}
	o.Security = openapi3.NewSecurityRequirements().With(openapi3.SecurityRequirement{securityScheme: append([]string{}, op.scopes...)})
	for _, match := range pathParameter.FindAllStringSubmatch(op.path, -1) {
		o.AddParameter(openapi3.NewPathParameter(match[1]).WithSchema(openapi3.NewStringSchema()))
	}
	failures := map[int]problem{
		http.StatusUnauthorized:       {"invalid_token", "There is no access token, or it is not valid for this API"},
		http.StatusServiceUnavailable: {"temporarily_unavailable", "Tokens cannot be checked at the moment"},
	}
	if len(op.scopes) > 0 {
		failures[http.StatusForbidden] = problem{"insufficient_scope", "The access token lacks the scope " + strings.Join(op.scopes, " ")}
	}
	if len(o.Parameters) > 0 {
		failures[http.StatusNotFound] = problem{"not_found", "The team has nothing with this id"}
	}
	if op.body != nil {
		o.RequestBody = &openapi3.RequestBodyRef{Value: openapi3.NewRequestBody().WithRequired(true).WithContent(jsonContent(op.body))}
		failures[http.StatusBadRequest] = invalid("The body is not valid; the description says why")
		failures[http.StatusRequestEntityTooLarge] = invalid("The body is larger than " + byteCount(maxBody))
	}
	o.Responses = openapi3.NewResponsesWithCapacity(len(failures) + 1)
	o.AddResponse(op.status, openapi3.NewResponse().WithDescription(http.StatusText(op.status)).WithContent(jsonContent(op.result)))
	for status, why := range failures {
		o.AddResponse(status, openapi3.NewResponse().WithDescription(why.Description).WithContent(jsonContent(why)))
	}
	return o
}

// jsonContent describes a JSON body by an example.
func jsonContent(example any) openapi3.Content {
	content := openapi3.NewContentWithJSONSchema(schemaOf(reflect.TypeOf(example)))
	content["application/json"].Example = example
	return content
}

// schemaOf describes the JSON of a type. It supports only what this package's types need.
func schemaOf(t reflect.Type) *openapi3.Schema {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return openapi3.NewDateTimeSchema()
	case t.Kind() == reflect.String:
		return openapi3.NewStringSchema()
	case t.Kind() == reflect.Slice:
		return openapi3.NewArraySchema().WithItems(schemaOf(t.Elem()))
	case t.Kind() != reflect.Struct:
		panic("no schema for " + t.String())
	}
	schema := openapi3.NewObjectSchema()
	for _, field := range reflect.VisibleFields(t) {
		if field.Anonymous {
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		schema.WithProperty(name, schemaOf(field.Type))
		if options != "omitempty" {
			schema.Required = append(schema.Required, name)
		}
	}
	return schema
}

// schemaHandler serves the document.
func schemaHandler(doc *openapi3.T) http.Handler {
	body, err := doc.MarshalJSON()
	if err != nil {
		panic("the OpenAPI document of the table in operations.go cannot be written: " + err.Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Write(body)
	})
}
