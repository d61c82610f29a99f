// The ready-made cells, in layers.rnn; alone and stacked.
import { made } from '../describe.mjs'
import { namesOf } from '../ours.mjs'
import { cellOptions } from './recurrent.mjs'
import { training } from './training.mjs'

const paper = 'ours alone: a cell of a paper, compared with it in test/golden'
const classes = { simpleRNN: 'simpleRNNCell', lstm: 'lstmCell', gru: 'gruCell' }

const cell = (name) => (random, peer) => {
  const batch = random.pick([1, 2, 4])
  const time = random.pick(peer === 'tfjs' ? [2, 5] : [1, 2, 5])
  const mask = peer === 'keras' && random.chance(0.4) ? { mask: random.mask(batch, time) } : {}
  const depth = random.pick([1, 1, 2, 3])
  const list = Array.from({ length: depth }, (_, at) =>
    made(`layers.${classes[at === 0 ? name : random.pick(Object.keys(classes))]}`, {}),
  )
  for (const each of list) {
    const kind = Object.keys(classes).find((one) => each.make === `layers.${classes[one]}`)
    each.options = cellOptions(kind, random, peer)
  }
  const options = {
    cell: depth === 1 ? list[0] : list,
    ...(random.chance() && { returnSequences: true, ...(mask.mask && { zeroOutputForMask: true }) }),
  }
  // TensorFlow.js cannot take a loop over cells in both directions.
  const both = random.chance(0.3) && depth === 1 && peer !== 'tfjs'
  const rnn = made('layers.rnn', options)
  const given = {
    kind: 'model',
    batch,
    inputs: [{ tensor: random.tensor([batch, time, random.integer(1, 4)]), ...mask }],
    nodes: [{ layer: both ? made('layers.bidirectional', { layer: rnn }) : rnn, from: ['in0'] }],
    outputs: ['0'],
  }
  return random.chance(0.3) ? { ...given, ...training(random, given, peer) } : given
}

const without = { pytorch: 'PyTorch has no loop over cells; its layers are compared' }

export default {
  family: 'cells',
  names: () => namesOf('cells'),
  cases: {
    bahdanau: paper,
    cfc: paper,
    coRNN: paper,
    gatedDeltaNet: paper,
    gridBlock: paper,
    gridLSTM: paper,
    gruD: paper,
    gru: { make: cell('gru'), without },
    indRNN: paper,
    layerNormLSTM: paper,
    lru: paper,
    lstm: { make: cell('lstm'), without },
    luong: paper,
    mLSTM: paper,
    mamba: paper,
    minGRU: paper,
    minLSTM: paper,
    peepholeLSTM: paper,
    projectedLSTM: paper,
    qrnn: paper,
    rwkv: paper,
    s4d: paper,
    s5: paper,
    sLSTM: paper,
    sru: paper,
    showAttendTell: paper,
    zoneout: 'ours alone: outside of training it is the cell that it wraps',
    simpleRNN: { make: cell('simpleRNN'), without },
  },
}
