import type { Format, Source } from './format.js'
import { safetensors } from './safetensors.js'

/** The formats of named tensors, in the order in which they are tried. */
const formats: readonly Format[] = [safetensors]

/** The longest beginning by which a format is told. */
const headBytes = 16

/** The format of a file. Rejects with `ERR_FORMAT` for none that is known. */
export async function formatOf(source: Source): Promise<Format> {
  const head = await source.read(0, Math.min(headBytes, source.size))
  const found = formats.find((format) => format.recognises(head))
  if (found) return found
  const names = formats.map(({ name }) => name).join(', ')
  throw source.malformed(
    `its format is not known; what is read is ${names}. In Python, safetensors.torch.save_file(model.state_dict(), path) writes it`,
  )
}
