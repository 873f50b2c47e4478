package accept

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// outputSchema is the published schema of the output of -f json.
var outputSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	return jsonschema.NewCompiler().Compile("../../docs/output.schema.json")
})

// offSchema lists what the schema does not have in the output of a case that
// runs with -f json. Bytes that are not UTF-8 are ignored.
func (c *Case) offSchema(stdout string) (bad []string) {
	line := c.Command()
	i := slices.Index(line, "json")
	if i < 1 || line[i-1] != "-f" || c.As == "" && line[0] != "run" {
		return nil
	}
	s, err := outputSchema()
	if err != nil {
		return []string{err.Error()}
	}
	for l := range strings.Lines(strings.ToValidUTF8(stdout, "?")) {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(l))
		if err == nil {
			err = s.Validate(v)
		}
		if err != nil {
			bad = append(bad, fmt.Sprintf("not in docs/output.schema.json: %s%v", l, err))
		}
	}
	return bad
}
