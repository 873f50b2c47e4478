package regalloc

import "slices"

// booking is a range during which a register holds an interval.
type booking struct {
	start, end pos
	iv         int32
}

// book records what one register holds over time: disjoint bookings, sorted.
// Bookings before head have ended.
type book struct {
	list []booking
	head int
}

// advance moves head past the bookings that end at or before p.
func (k *book) advance(p pos) {
	for k.head < len(k.list) && k.list[k.head].end <= p {
		k.head++
	}
}

// from returns the index of the first booking that ends after p.
func (k *book) from(p pos) int {
	lo, hi := k.head, len(k.list)
	switch {
	case lo > 0 && k.list[lo-1].end > p:
		lo = 0 // a split point in the past
	case lo < hi && k.list[lo].end > p:
		return lo
	}
	for lo < hi {
		m := (lo + hi) / 2
		if k.list[m].end <= p {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}

// meets calls fn for each booking that overlaps it, in order, with the first
// common position, until fn returns false.
func (k *book) meets(it *interval, fn func(p pos, iv int32) bool) {
	i := k.from(it.start)
	for r := range it.rs {
		s, e := max(it.rs[r].start, it.start), min(it.rs[r].end, it.end)
		if s >= e {
			continue
		}
		for i < len(k.list) && k.list[i].end <= s {
			i++
		}
		for j := i; j < len(k.list) && k.list[j].start < e; j++ {
			if !fn(max(k.list[j].start, s), k.list[j].iv) {
				return
			}
		}
		if i == len(k.list) {
			return
		}
	}
}

// first returns the first position at which it overlaps a booking, or never.
func (k *book) first(it *interval) pos {
	if k.head == len(k.list) && (k.head == 0 || k.list[k.head-1].end <= it.start) {
		return never // nothing from there on
	}
	p := never
	k.meets(it, func(q pos, _ int32) bool {
		p = q
		return false
	})
	return p
}

// add books the ranges of it.
func (k *book) add(it *interval, iv int32) {
	at := k.from(it.start)
	for r := range it.rs {
		s, e := max(it.rs[r].start, it.start), min(it.rs[r].end, it.end)
		if s >= e {
			continue
		}
		for at < len(k.list) && k.list[at].start < s {
			at++
		}
		if at == len(k.list) {
			k.list = append(k.list, booking{s, e, iv})
		} else {
			k.list = slices.Insert(k.list, at, booking{s, e, iv})
		}
	}
}

// cut removes what iv has booked from p on.
func (k *book) cut(iv int32, p pos) {
	i := k.from(p)
	k.head = min(k.head, i) // if p is in the past
	w := i
	for ; i < len(k.list); i++ {
		x := k.list[i]
		if x.iv == iv {
			if x.start >= p {
				continue
			}
			x.end = p
		}
		k.list[w] = x
		w++
	}
	k.list = k.list[:w]
}

// free reports whether the register has no booking in [s, e).
func (k *book) free(s, e pos) bool {
	i := k.from(s)
	return i == len(k.list) || k.list[i].start >= e
}
