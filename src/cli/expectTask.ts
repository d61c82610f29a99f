import { contentsOf, type Kind, mistaken } from '../model/contents.js'
import { readDescription } from '../model/folder.js'

/** The commands that run saved models. */
const commands: Readonly<Record<string, string>> = {
  classification: 'predict',
  forecasting: 'predict',
  translation: 'translate',
  captioning: 'caption',
  textGenerator: 'generate',
}

/** What a folder holds; `ERR_FORMAT` for a model that another command takes, naming that, and `ERR_IO` or `ERR_FORMAT` where it holds none. */
export async function expectTask(folder: string, wanted: Kind): Promise<Kind> {
  const found = contentsOf(await readDescription(folder))
  const command = commands[found.kind.name]
  if (command !== undefined && command !== commands[wanted.name]) {
    throw mistaken(folder, wanted, found, `'seqloom ${command}' takes`)
  }
  return found.kind
}
