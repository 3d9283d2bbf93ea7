package app

import (
	"net"
	"net/netip"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/operate"
)

// posture is what a configuration makes less safe or less complete than the default.
func posture(cfg config.Config) []operate.Finding {
	var findings []operate.Finding
	warn := func(when bool, found, do string) {
		if when {
			findings = append(findings, operate.Finding{Level: operate.Warning, Check: "configuration", Found: found, Do: do})
		}
	}
	warn(cfg.InsecureHTTPPublicURL, "insecure_http_public_url is on: everyone on the network's way can read passwords, codes and tokens", "use https for public_url, and remove the setting")
	warn(cfg.OpsListen != config.Off && !local(cfg.OpsListen), "ops_listen is "+cfg.OpsListen+": other machines can read the metrics", "make sure that a firewall keeps strangers away, or listen on localhost")
	warn(cfg.OpsPprof && !local(cfg.OpsListen), "ops_pprof is on, and other machines can reach it: profiles show what is in memory", "switch ops_pprof off, or set ops_listen to localhost")
	warn(strings.Contains(cfg.DatabaseURL, "sslmode=disable"), "database_url has sslmode=disable: what is sent to the database is not encrypted", "use sslmode=verify-full, unless the database is on this machine")
	warn(cfg.KeyRotationInterval == 0, "key_rotation_interval is 0: keys are rotated by command only", "set an interval, or run gatehouse key rotate from time to time")
	short := cfg.Authn.PasswordMinLength > 0 && cfg.Authn.PasswordMinLength < 15 && cfg.Authn.RequireSecondFactor != authn.RequireAll
	warn(short, "password_min_length is under 15, and a password may be all that there is: NIST SP 800-63B-4 wants 15 characters then", "remove the setting, or set require_second_factor to all")
	warn(!cfg.Mail.Server.Set(), "no mail server is configured: people are not told when an application is connected, or of a replayed token", "set smtp_url and mail_from")
	warn(!cfg.Mail.Server.Set() && cfg.SignUp.Open(), "sign_up is "+string(cfg.SignUp.Mode)+", and no mail server is configured: nobody can prove an address, so nobody can sign up", "set smtp_url and mail_from, or set sign_up: off")
	warn(len(cfg.Outbound.InternalNetworks) > 0, "the server calls addresses of applications in internal networks, which are allowed in the configuration", "keep the list as short as possible")
	for _, proxy := range cfg.TrustedProxies {
		warn(wide(proxy), "trusted_proxies has "+proxy.String()+": every machine in this network can claim any client address", "list the addresses of the proxies only")
	}
	if len(findings) == 0 {
		findings = append(findings, operate.Finding{Level: operate.Fine, Check: "configuration", Found: "nothing is less safe than the default"})
	}
	return findings
}

// local reports whether only this machine reaches an address.
func local(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil || host == "localhost" {
		return host == "localhost"
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// wide reports whether a network has more addresses than the proxies of one house.
func wide(p netip.Prefix) bool { return p.Addr().BitLen()-p.Bits() > 16 && !p.Addr().IsPrivate() }
