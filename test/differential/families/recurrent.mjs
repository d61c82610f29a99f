// Recurrent layers in all their options: stacked, in both directions, masked, with states, stateful.
import { made } from '../describe.mjs'
import { training } from './training.mjs'

const fused = ['linear', 'relu', 'sigmoid', 'tanh', 'hardSigmoid', 'softsign', 'elu', 'selu', 'relu6', 'leakyRelu']
const others = ['gelu', 'silu', 'mish', 'softplus']

/** What TensorFlow.js has of them. */
const inTfjs = [
  'linear',
  'relu',
  'sigmoid',
  'tanh',
  'softsign',
  'elu',
  'selu',
  'relu6',
  'softplus',
  'hardSigmoidKeras2',
]
const inTorch = ['tanh', 'relu']

const gated = { lstm: 2, gru: 1, simpleRNN: 1 }

/** Gates without bounds, with which states grow from step to step until float32 cannot hold them, and weights with every training. */
const unbounded = ['linear', 'relu6']

/** The options of one layer, apart from what it returns; with functions that have bounds if that is asked for. */
export function cellOptions(name, random, peer, bounded = false) {
  const units = random.pick([1, 2, 3, 5, 8, 17])
  if (peer === 'pytorch') {
    return {
      units,
      ...random.some({ useBias: () => false }, 0.2),
      ...(name === 'simpleRNN' && { activation: random.pick(inTorch) }),
    }
  }
  const kinds = random.chance(0.8) ? fused : others
  const activations = peer === 'tfjs' ? inTfjs : bounded ? ['sigmoid', 'tanh', 'hardSigmoid', 'softsign'] : kinds
  const sigmoids =
    peer === 'tfjs'
      ? ['sigmoid', 'hardSigmoidKeras2']
      : ['sigmoid', 'hardSigmoid', 'tanh', ...(bounded ? [] : unbounded)]
  return {
    units,
    ...random.some({ activation: () => random.pick(activations) }, 0.4),
    ...(name !== 'simpleRNN' && random.some({ recurrentActivation: () => random.pick(sigmoids) }, 0.4)),
    ...(name === 'gru' &&
      (peer === 'tfjs' ? { resetAfter: false } : random.some({ resetAfter: () => random.chance() }, 0.6))),
    ...random.some({ useBias: () => random.chance() }, 0.3),
    ...(peer === 'tfjs' && name !== 'simpleRNN' && { recurrentActivation: random.pick(sigmoids) }),
  }
}

const rules = (random) =>
  random.some(
    {
      kernelRegularizer: () => made(`regularizers.${random.pick(['l1', 'l2'])}`),
      recurrentRegularizer: () => made('regularizers.l2', { l2: random.number(0, 0.1) }),
      biasRegularizer: () => made('regularizers.l1l2', { l1: 0.01, l2: 0.02 }),
      kernelConstraint: () => made('constraints.maxNorm', { maxValue: random.number(0.5, 1.5) }),
      recurrentConstraint: () => made('constraints.unitNorm'),
    },
    0.2,
  )

export function recurrent(name) {
  return (random, peer) => {
    const batch = random.pick([1, 1, 2, 3, 5])
    // TensorFlow.js cannot give back a sequence of one step.
    const time = random.pick(peer === 'tfjs' ? [2, 3, 5, 9] : [1, 2, 3, 5, 9])
    const features = random.pick([1, 2, 3, 4, 7])
    const depth = random.pick([1, 1, 1, 2, 3])
    const stateful = peer === 'keras' && random.chance(0.15)
    const masked = peer !== 'tfjs' && random.chance(peer === 'pytorch' ? 0.4 : 0.5)
    const mask = masked ? random.mask(batch, time, peer === 'pytorch' ? 'ragged' : undefined) : undefined
    const inputs = [{ tensor: random.tensor([batch, time, features]), ...(mask && { mask }), free: random.chance() }]
    const nodes = []
    let keepMasked = false
    const outputs = []
    for (let at = 0; at < depth; at++) {
      const last = at === depth - 1
      const cell = { ...cellOptions(name, random, peer, depth > 1 && time > 3), ...(peer === 'keras' && rules(random)) }
      const both = !stateful && random.chance(0.35)
      const sequences = !last || random.chance()
      // In both directions, Keras has zeros at padding whatever the option says; ours has what it says.
      const zeros = !(peer === 'keras' && masked && last && sequences && !both && random.chance(0.3))
      // Over padding, Keras moves the outputs of a layer that goes backwards (stated in docs/guide.md).
      const backwards =
        !stateful && !both && !(masked && sequences) && last && random.chance(0.25) && peer !== 'pytorch'
      const returnState = last && random.chance(0.35)
      const options = {
        ...cell,
        ...(sequences && { returnSequences: true }),
        ...(returnState && { returnState }),
        ...(backwards && { goBackwards: true }),
        ...(stateful && { stateful: true }),
        // Of padded rows Keras gives zeros as the last output, too; ours is that of the last valid step (stated in docs/from-keras.md).
        ...(peer === 'keras' && masked && sequences && { zeroOutputForMask: zeros }),
      }
      keepMasked ||= !zeros
      const layer = made(`layers.${name}`, options)
      const merge = random.pick(['concat', 'sum', 'mul', 'ave', undefined])
      const node = {
        layer: both
          ? made('layers.bidirectional', { layer, ...(merge && peer !== 'pytorch' && { mergeMode: merge }) })
          : layer,
        from: [at === 0 ? 'in0' : `${at - 1}`],
      }
      // Of a row without steps, Keras gives zeros as the last output, ours the initial state (stated in docs/from-keras.md).
      const rowsHaveSteps = sequences || !mask || mask.every((row) => row.includes(true))
      if (!stateful && peer !== 'tfjs' && rowsHaveSteps && random.chance(0.3)) {
        node.state = []
        for (let state = 0; state < gated[name] * (both ? 2 : 1); state++) {
          node.state.push(`in${inputs.length}`)
          inputs.push({ tensor: random.tensor([batch, cell.units]) })
        }
      }
      nodes.push(node)
      outputs.push(`${at}`)
      if (returnState)
        for (let state = 1; state <= gated[name] * (both ? 2 : 1); state++) outputs.push(`${at}.${state}`)
    }
    const given = {
      kind: 'model',
      batch,
      inputs,
      nodes,
      outputs: outputs.filter((ref) => ref.startsWith(`${depth - 1}`)),
      ...(stateful && { stateful }),
      ...(keepMasked && { keepMasked }),
    }
    const grows = JSON.stringify(nodes)
      .match(/"recurrentActivation":"(\w+)"/g)
      ?.some((gate) => /linear|relu6/.test(gate))
    return given.outputs.length === 1 && !keepMasked && !grows && random.chance(0.4)
      ? { ...given, ...training(random, given, peer) }
      : given
  }
}
