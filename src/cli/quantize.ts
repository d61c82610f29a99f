import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { configure } from '../engine.js'
import { SeqloomError, visible } from '../errors.js'
import { isThere } from '../files.js'
import { descriptionName, listedFiles, readDescription } from '../model/folder.js'
import { loadFolder, saveFolder } from '../model/index.js'
import { countValues } from '../model/weights.js'
import { pathOf } from '../path.js'
import { print, printJson } from './output.js'

/** The flags of `seqloom quantize`. */
export interface QuantizeFlags {
  readonly force: boolean
  readonly json: boolean
  readonly threads?: number
}

/** Writes a saved model, or the model of any task with what belongs to it, with int8 weights. */
export async function quantize(fromGiven: string, toGiven: string, flags: QuantizeFlags): Promise<void> {
  if (flags.threads !== undefined) configure({ threads: flags.threads })
  const [from, to] = [pathOf('FROM', fromGiven), pathOf('TO', toGiven)]
  if (!flags.force && (await isThere(join(to, descriptionName)))) {
    throw new SeqloomError('ERR_IO', `'${visible(to)}' exists; --force replaces it`)
  }
  const { model, assets, metadata, unfinished } = await loadFolder(from)
  const small = model.quantize()
  model.dispose()
  await saveFolder(to, { model: small, assets, metadata, unfinished }, { overwrite: flags.force })
  const { specs, int8 = [] } = small.engine
  const facts = {
    from: { path: from, bytes: await bytesOf(from) },
    to: { path: to, bytes: await bytesOf(to) },
    parameters: countValues(specs),
    int8: countValues(specs.filter((_, index) => int8[index])),
  }
  small.dispose()
  if (flags.json) {
    printJson(facts)
    return
  }
  const count = (value: number) => value.toLocaleString('en-US')
  print(`${count(facts.int8)} of ${count(facts.parameters)} parameters are int8 now`)
  print(`weights: ${count(facts.from.bytes)} bytes in ${from}, ${count(facts.to.bytes)} in ${to}`)
}

/** The size of the file of weights. */
async function bytesOf(folder: string): Promise<number> {
  const description = await readDescription(folder)
  const name = String(description.weights)
  return listedFiles(description).get(name)?.bytes ?? (await stat(join(folder, name))).size
}
