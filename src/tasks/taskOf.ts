import { contentsOf, type Kind } from '../model/contents.js'
import { readDescription } from '../model/folder.js'

/** What a folder holds: the model of a task, or something else. Rejects with `ERR_IO` or `ERR_FORMAT` if it holds nothing of ours. */
export async function taskOf(folder: string): Promise<Kind> {
  return contentsOf(await readDescription(folder)).kind
}
