package gateway

// sources are what the fields of every index in the tests show of other fields.
var sources = map[string][]string{
	"social": {"ssn"}, "everything": {"ssn", "x"},
}
