# The gateway asks data.precinct.authz.allow for every request that needs a rule.
# Nothing is permitted here: other files of this package add `allow if { … }` rules.
# This is the package's only default; a second one is refused when the set is loaded.
package precinct.authz

import rego.v1

default allow := false
