package engine

import (
	"fmt"
	"net/http"
	"strconv"

	"vigil/rest"
)

// checkConditions refuses an operation whose conditions on the present document do not hold.
func (r *docResult) checkConditions(x *index, was record) error {
	op := r.op
	conflict := func(format string, args ...any) error {
		err := rest.Errorf(http.StatusConflict, "version_conflict_engine_exception", "[%s]: version conflict, %s", op.ID, fmt.Sprintf(format, args...))
		return r.onShard(x, err)
	}
	switch {
	case op.Op == "create" && was.exists():
		return conflict("document already exists (current version [%d])", was.version())
	case op.IfSeqNo != nil && !was.exists():
		return conflict("required seqNo [%d], primary term [%d]. but no document was found", *op.IfSeqNo, *op.IfPrimaryTerm)
	case op.IfSeqNo != nil && (was.seq() != *op.IfSeqNo || was.term() != *op.IfPrimaryTerm):
		return conflict("required seqNo [%d], primary term [%d]. current document has seqNo [%d] and primary term [%d]",
			*op.IfSeqNo, *op.IfPrimaryTerm, was.seq(), was.term())
	case op.Version == nil:
		return nil
	case op.VersionType == "" || op.VersionType == "internal":
		return &rest.Error{
			Status: http.StatusBadRequest, Type: "action_request_validation_exception",
			Reason: "Validation Failed: 1: internal versioning can not be used for optimistic concurrency control. " +
				"Please use `if_seq_no` and `if_primary_term` instead;",
		}
	}
	known := was.exists() || was.tomb.version > 0
	if known && op.VersionType == "external" && was.version() >= *op.Version {
		return conflict("current version [%d] is higher or equal to the one provided [%d]", was.version(), *op.Version)
	}
	if known && op.VersionType == "external_gte" && was.version() > *op.Version {
		return conflict("current version [%d] is higher than the one provided [%d]", was.version(), *op.Version)
	}
	return nil
}

// onShard adds where an error happened.
func (r *docResult) onShard(x *index, err *rest.Error) error {
	return err.With("index", x.Name).With("shard", strconv.Itoa(r.shard)).With("index_uuid", x.UUID)
}
