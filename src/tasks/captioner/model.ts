import * as cells from '../../cells/index.js'
import { randomNormal } from '../../initializers/index.js'
import { defineLayer } from '../../layers/defineLayer.js'
import { dense, doublyStochasticPenalty, globalAveragePooling1d, rnn } from '../../layers/index.js'
import { input } from '../../layers/input.js'
import type { SymbolicTensor } from '../../layers/layer.js'
import { type Functional, model } from '../../model/index.js'
import { tokenCount } from '../decoding/decoder.js'
import { chosenWords, embedded, list, one } from '../decoding/layers.js'
import type { Units } from '../decoding/units.js'
import type { SeenShape } from './images.js'
import type { CaptionerSettings } from './options.js'
import { type PatchGrid, patchLayer, tiledShape } from './patches.js'

/** Adds a learned vector for its position to each annotation vector. */
const placed = defineLayer({
  name: 'positions',
  inputs: { x: ['places', 'size'] },
  weights: { positions: { shape: ['places', 'size'], initializer: randomNormal({ stddev: 0.02 }) } },
  call: ({ x }, w) => x.add(w.positions),
})

/**
 * The model of a captioner, for training with the preceding true words (`previous`) and for sessions: the decoder of
 * Show, Attend and Tell (arXiv 1502.03044) over annotation vectors. For images these come from patches: each passes
 * through dense layers, and a vector for its position is added after the first layer (as in arXiv 2010.11929).
 */
export function captionerModel(
  settings: CaptionerSettings,
  shape: SeenShape,
  grid: PatchGrid | undefined,
  target: Units,
): Functional {
  const { units, attentionPenalty, seed } = settings
  const targetSize = tokenCount(target)
  const seen = grid
    ? input({ shape: tiledShape(grid, shape[2] as number), name: 'image' })
    : input({ shape: [...shape], name: 'annotations' })
  const previous = input({ shape: [null], dtype: 'int32', name: 'previous' })
  const annotations = grid ? front(seen, settings, grid, shape[2] as number) : seen

  const mean = one(globalAveragePooling1d().apply(annotations))
  const initialState = ['h', 'c'].map((name) =>
    one(dense({ units, activation: 'tanh', name: `initial_${name}` }).apply(mean)),
  )
  const decoder = rnn({ cell: cells.showAttendTell({ units }), returnSequences: true })
  const before = embedded(previous, targetSize, settings, 'target_embedding')
  const [written, attended] = list(decoder.apply(before, { initialState, constants: { annotations } }))
  const alignment =
    attentionPenalty > 0
      ? one(doublyStochasticPenalty({ weight: attentionPenalty }).apply(attended as SymbolicTensor))
      : (attended as SymbolicTensor)
  const [words, guess] = chosenWords(written as SymbolicTensor, targetSize, settings.dropout)
  return model({ inputs: [seen, previous], outputs: [words, alignment, guess], seed })
}

/** An image's annotation vectors. */
function front(
  tiles: SymbolicTensor,
  { frontLayers, annotationSize }: CaptionerSettings,
  grid: PatchGrid,
  channels: number,
): SymbolicTensor {
  let vectors = one(patchLayer(grid, channels).apply(tiles))
  for (let index = 0; index < frontLayers; index++) {
    const layer = dense({ units: annotationSize, activation: 'relu', name: `patch_dense_${index + 1}` })
    vectors = one(layer.apply(vectors))
    if (index === 0) vectors = one(placed().apply(vectors))
  }
  return vectors
}
