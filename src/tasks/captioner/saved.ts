import type { SaveOptions } from '../../model/index.js'
import type { DecoderParts } from '../decoding/decoder.js'
import { readDecoder, saveDecoder } from '../decoding/saved.js'
import { readSettings } from '../shared/savedSettings.js'
import type { SeenShape } from './images.js'
import { type CaptionerSettings, captionerSettings } from './options.js'
import { type PatchGrid, patchGrid, tiledShape } from './patches.js'
import type { Kind } from './rows.js'

/** What a captioner consists of once there is a model. */
export interface CaptionerParts extends DecoderParts {
  readonly kind: Kind
  /** `[height, width, channels]` of its images, or `[places, size]` of annotations. */
  readonly shape: SeenShape
  /** How images are cut into patches. */
  readonly grid: PatchGrid | undefined
}

/** Saves a captioner as a model folder with its vocabulary. Rejects with `ERR_IO`. */
export async function saveCaptioner(
  folder: string | URL,
  parts: CaptionerParts,
  settings: CaptionerSettings,
  options?: SaveOptions,
): Promise<void> {
  const { kind, shape, grid } = parts
  const patches = grid && { patchSize: grid.size, patchStride: grid.stride }
  const metadata = { [kind]: shape, ...patches }
  await saveDecoder(folder, parts, { task: 'captioning', settings, metadata }, options)
}

/** Loads what {@link saveCaptioner} wrote. Rejects with `ERR_IO`, and with `ERR_FORMAT` for a folder that is no captioner or contradicts itself. */
export async function readCaptioner(
  directory: string | URL,
): Promise<{ readonly parts: CaptionerParts; readonly settings: CaptionerSettings }> {
  const { parts, folder, metadata, no } = await readDecoder(directory, 'captioning')
  const { image, annotations, patchSize, patchStride } = metadata
  const kind: Kind = image === undefined ? 'annotations' : 'image'
  const shape = image ?? annotations
  const rank = kind === 'image' ? 3 : 2
  const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1
  if (!Array.isArray(shape) || shape.length !== rank || !shape.every(isSize)) {
    throw no('its model.json does not say what it was trained on')
  }
  let grid: PatchGrid | undefined
  if (kind === 'image') {
    if (!isSize(patchSize) || !isSize(patchStride) || patchSize % patchStride !== 0) throw no('it has no patches')
    grid = patchGrid(shape, patchSize, patchStride)
  }
  const read = grid ? tiledShape(grid, shape[2] as number) : shape
  const input = parts.model.topology().inputs[0]?.shape.slice(1)
  if (input?.join() !== read.join()) throw no(`its model does not read ${kind} of [${shape.join(', ')}]`)
  const settings = readSettings(folder, metadata.settings, captionerSettings)
  return { parts: { ...parts, kind, shape, grid }, settings }
}
