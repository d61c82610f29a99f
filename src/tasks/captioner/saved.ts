import type { DecoderParts } from '../decoding/decoder.js'
import { decoderContents, readDecoder } from '../decoding/saved.js'
import { type Saving, taskKind } from '../shared/saved.js'
import type { SeenShape } from './images.js'
import { type CaptionerSettings, captionerSettings } from './options.js'
import { type PatchGrid, patchGrid, tiledShape } from './patches.js'
import type { Kind } from './rows.js'

/** The parts of a trained captioner. */
export interface CaptionerParts extends DecoderParts {
  readonly kind: Kind
  /** `[height, width, channels]` of its images, or `[places, size]` of annotations. */
  readonly shape: SeenShape
  /** How images are cut into patches. */
  readonly grid: PatchGrid | undefined
}

/** How a captioner is saved: with its vocabulary and the shape of its images or annotations. */
export const saving: Saving<CaptionerParts, CaptionerSettings> = {
  kind: taskKind('captioning', 'a captioner', 'Captioner', ['target.json']),
  settings: captionerSettings,
  contents(parts) {
    const { kind, shape, grid } = parts
    const { assets, metadata } = decoderContents(parts)
    const patches = grid && { patchSize: grid.size, patchStride: grid.stride }
    return { assets, metadata: { ...metadata, [kind]: shape, ...patches } }
  },
  async read(saved) {
    const parts = await readDecoder(saved)
    const { image, annotations, patchSize, patchStride } = saved.metadata
    const kind: Kind = image === undefined ? 'annotations' : 'image'
    const shape = image ?? annotations
    const rank = kind === 'image' ? 3 : 2
    const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1
    if (!Array.isArray(shape) || shape.length !== rank || !shape.every(isSize)) {
      throw saved.no('its model.json does not say what it was trained on')
    }
    let grid: PatchGrid | undefined
    if (kind === 'image') {
      if (!isSize(patchSize) || !isSize(patchStride) || patchSize % patchStride !== 0)
        throw saved.no('it has no patches')
      grid = patchGrid(shape, patchSize, patchStride)
    }
    const read = grid ? tiledShape(grid, shape[2] as number) : shape
    const input = parts.model.topology().inputs[0]?.shape.slice(1)
    if (input?.join() !== read.join()) throw saved.no(`its model does not read ${kind} of [${shape.join(', ')}]`)
    return { ...parts, kind, shape, grid }
  },
}
