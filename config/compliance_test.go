package config

import "testing"

func TestDerivedReadsAreOnUnlessSwitchedOff(t *testing.T) {
	c := Default()
	if !c.Compliance.ReadDerived {
		t.Error("off by default")
	}
	if err := Decode([]byte("compliance: {read_derived: false}"), &c); err != nil || c.Compliance.ReadDerived {
		t.Errorf("got %t, %v", c.Compliance.ReadDerived, err)
	}
}
