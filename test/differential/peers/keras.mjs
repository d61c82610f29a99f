// Asks Keras. Its names are ours with underscores.
import { renamed } from '../describe.mjs'
import { startPython } from './python.mjs'

const snake = (name) => name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase()

/** Options of ours whose names are not Keras's with underscores. */
const options = {
  beta1: 'beta_1',
  beta2: 'beta_2',
  beta2Decay: 'beta_2_decay',
  l1RegularizationStrength: 'l1_regularization_strength',
  l2RegularizationStrength: 'l2_regularization_strength',
  l2ShrinkageRegularizationStrength: 'l2_shrinkage_regularization_strength',
  clipNorm: 'clipnorm',
  clipValue: 'clipvalue',
  globalClipNorm: 'global_clipnorm',
}
const others = { ...options, tMul: 't_mul', mMul: 'm_mul' }

const theirs = (description) =>
  renamed(
    description,
    (name) => others[name] ?? snake(name),
    (text) => (/^[a-z]+[A-Za-z0-9]*$/.test(text) ? snake(text) : text),
  )

/** An optimizer without the choice of a formula: Keras has its own. */
function withoutFormula(description) {
  if (description?.options?.formula === undefined) return description
  const { formula: _, ...options } = description.options
  return { ...description, options }
}

/** Everything in a case that is a description, in Keras's words. */
export function translated(given) {
  const changed = { ...given }
  for (const name of ['loss', 'metric', 'optimizer', 'schedule', 'initializer']) {
    if (changed[name]) changed[name] = theirs(withoutFormula(given.theirs?.[name] ?? changed[name]))
  }
  if (changed.training) changed.training = translated(changed.training)
  if (changed.nodes) {
    changed.nodes = changed.nodes.map((node) =>
      node.layer ? { ...node, layer: theirs(node.theirs ?? node.layer) } : node,
    )
  }
  return changed
}

export async function start() {
  const python = await startPython('keras_peer.py', ['keras', 'tensorflow'])
  return { answer: (given) => python.answer(translated(given)), stop: python.stop }
}
