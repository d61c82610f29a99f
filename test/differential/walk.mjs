// Walks all that we export by name, and finds the cases of each.
import activations from './families/activations.mjs'
import cells from './families/cells.mjs'
import constraints from './families/constraints.mjs'
import initializers from './families/initializers.mjs'
import layers from './families/layers.mjs'
import losses from './families/losses.mjs'
import metrics from './families/metrics.mjs'
import optimizers from './families/optimizers.mjs'
import regularizers from './families/regularizers.mjs'
import schedules from './families/schedules.mjs'
import stacks from './families/stacks.mjs'

const families = [
  activations,
  layers,
  stacks,
  cells,
  losses,
  metrics,
  optimizers,
  schedules,
  initializers,
  regularizers,
  constraints,
]

/** What is to be compared with a peer, and the names that have neither a case nor a reason; of all, or only of some names and families. */
export function entries(peer, only) {
  const [chosen, faults] = [[], []]
  for (const { family, names, cases } of families) {
    for (const name of names()) {
      const entry = cases[name]
      if (only !== undefined && !only.includes(name) && !only.includes(family)) continue
      if (entry === undefined) faults.push(`${family} ${name}: neither a case nor a reason`)
      else if (typeof entry !== 'string' && !entry.without?.[peer]) chosen.push({ family, name, make: entry.make })
    }
  }
  return { chosen, faults }
}
