import { Functional } from '../../model/index.js'
import { readUnits } from '../decoding/saved.js'
import type { Units } from '../decoding/units.js'
import type { Trainee } from '../shared/keepBest.js'
import { type Saving, taskKind } from '../shared/saved.js'
import { type TranscriberSettings, transcriberSettings } from './options.js'
import type { Scaling } from './steps.js'

/** The parts of a trained transcriber. */
export interface TranscriberParts extends Trainee {
  readonly model: Functional
  /** The tokens; the blank comes after them. */
  readonly target: Units
  readonly scaling: Scaling
}

const targetFile = 'transcript.json'

/** How a transcriber is saved: with its vocabulary and the scaling of features. */
export const saving: Saving<TranscriberParts, TranscriberSettings> = {
  kind: taskKind('transcription', 'a transcriber', 'Transcriber'),
  settings: transcriberSettings,
  contents: ({ target, scaling }) => ({ assets: { [targetFile]: JSON.stringify(target) }, metadata: { scaling } }),
  async read(saved) {
    const target = await readUnits(saved, targetFile)
    const { model, metadata } = saved
    const { mean, scale } = (metadata.scaling ?? {}) as Partial<Scaling>
    const isList = (list: unknown): list is number[] => Array.isArray(list) && list.every(Number.isFinite)
    if (!isList(mean) || !isList(scale) || mean.length === 0 || mean.length !== scale.length) {
      throw saved.no('its model.json has no scaling of features')
    }
    if (!(model instanceof Functional)) throw saved.no('its model is not functional')
    const { inputs } = model.topology()
    const [input] = inputs
    const { stackFrames = 1, method = 'ctc' } = (metadata.settings ?? {}) as Partial<TranscriberSettings>
    if (inputs.length !== (method === 'ctc' ? 1 : 2)) throw saved.no(`its model is not one of method '${method}'`)
    if (input?.shape.length !== 3 || input.shape[2] !== mean.length * stackFrames) {
      throw saved.no(`its model does not read ${stackFrames} frames of ${mean.length} features at each step`)
    }
    if (method === 'transducer') saved.checkReads(target.size + 1, `tokens with the blank in ${targetFile}`)
    saved.checkWrites(0, target.size + 1, `tokens with the blank and those of ${targetFile}`)
    return { model, target, scaling: { mean, scale } }
  },
}
