//go:build !linux

package wal

func (f osFile) Preallocate(off, n int64) error { return writeZeros(f, off, n) }
