package notify

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// closedNetworks are never reached unless AllowNetworks names them: loopback, private, link-local (with the metadata
// services of clouds), shared, multicast, reserved, and the ranges that embed IPv4 addresses.
func closedNetworks() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
		"168.63.129.16/32", // Azure's, public by its number only
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2002::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
	} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// guard decides which hosts may be named and which addresses may be dialled. Addresses are checked where the connection is
// made, after the name was resolved, so that a name that changes its address between check and use gains nothing.
type guard struct {
	closed, allowed, denied []netip.Prefix
	allowHosts, denyHosts   []string
}

func newGuard(o Options) (*guard, error) {
	g := &guard{closed: closedNetworks(), allowed: o.AllowNetworks}
	for _, h := range o.DenyHosts {
		if p, ok := network(h); ok {
			g.denied = append(g.denied, p)
			continue
		}
		name, err := hostPattern(h)
		if err != nil {
			return nil, err
		}
		g.denyHosts = append(g.denyHosts, name)
	}
	for _, h := range o.AllowHosts {
		name, err := hostPattern(h)
		if err != nil {
			return nil, err
		}
		g.allowHosts = append(g.allowHosts, name)
	}
	return g, nil
}

func network(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		return p.Masked(), true
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), true
	}
	return netip.Prefix{}, false
}

func hostPattern(s string) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	if name == "" || strings.ContainsAny(strings.TrimPrefix(name, "*."), "*/ :@") {
		return "", fmt.Errorf("host list: %q is neither a host, an address nor a network", s)
	}
	return name, nil
}

// host checks the name that a URL holds.
func (g *guard) host(name string) error {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if matchesHost(g.denyHosts, name) || len(g.allowHosts) > 0 && !matchesHost(g.allowHosts, name) {
		return fmt.Errorf("host %s: %w", name, ErrForbidden)
	}
	return nil
}

func matchesHost(list []string, name string) bool {
	for _, h := range list {
		if suffix, ok := strings.CutPrefix(h, "*"); ok && strings.HasSuffix(name, suffix) || h == name {
			return true
		}
	}
	return false
}

// control runs on every address that is about to be dialled.
func (g *guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address: %w", ErrForbidden)
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return fmt.Errorf("address: %w", ErrForbidden)
	}
	return g.address(a)
}

func (g *guard) address(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	if contains(g.denied, a) || contains(g.closed, a) && !contains(g.allowed, a) {
		return fmt.Errorf("address %s: %w", a, ErrForbidden)
	}
	return nil
}

func contains(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
