import { SeqloomError } from '../../errors.js'

/** The JSON of a file that was saved with a model; `ERR_FORMAT` if the folder has none or it is no JSON. */
export function readAsset(
  folder: string,
  task: string,
  assets: Readonly<Record<string, Uint8Array>>,
  name: string,
): unknown {
  const data = assets[name]
  if (data === undefined) {
    throw new SeqloomError('ERR_FORMAT', `${folder} is no ${task}: its model.json names no ${name}`)
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data))
  } catch (error) {
    throw new SeqloomError('ERR_FORMAT', `${folder}: ${name}: ${(error as Error).message}`, { cause: error })
  }
}
