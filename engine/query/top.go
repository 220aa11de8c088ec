package query

import "math"

// defaultInner is how many hits there are in a bucket, in a group or of a nested query if nobody says.
const defaultInner = 3

// Top returns the best of documents that matched already, as a top_hits aggregation does: everything of the request
// counts but its query.
func Top(r *Request, shards []Shard) (*Result, error) {
	from, size, err := r.Window()
	if err == nil {
		err = r.tooManyScripts()
	}
	if err != nil {
		return nil, err
	}
	if r.Size < 0 {
		size = defaultInner
	}
	s := &search{Request: r, keep: r.best(from + size)}
	for i := range shards {
		sh := &shards[i]
		keys, err := s.keys(sh.Context)
		if err != nil {
			return nil, err
		}
		for j, d := range sh.Docs {
			score := float32(1)
			if sh.Scores != nil {
				score = sh.Scores[j]
			}
			s.add(candidate{doc: d, score: score, keys: keys(d, score), shard: sh})
		}
	}
	exact := math.MaxInt32
	s.Request = &Request{}
	*s.Request = *r
	s.TrackTotal = &exact
	return s.result(from, size)
}
