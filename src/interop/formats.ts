import { refuseOther } from './foreign.js'
import type { Format, Source } from './format.js'
import { pytorchFile } from './pytorchFile/index.js'
import { safetensors } from './safetensors.js'

/** The formats of named tensors, in the order in which they are tried. */
const formats: readonly Format[] = [safetensors, pytorchFile]

/** The longest beginning by which a format is told. */
const headBytes = 262

/** The format of a file. Rejects with `ERR_FORMAT` for none that is known. */
export async function formatOf(source: Source): Promise<Format> {
  const head = await source.read(0, Math.min(headBytes, source.size))
  const found = formats.find((format) => format.recognises(head))
  if (found) return found
  await refuseOther(source, 'PyTorch')
  const names = formats.map(({ name }) => name).join(', ')
  throw source.malformed(
    `its format is not known; what is read is ${names}. In Python, torch.save(model.state_dict(), path) writes it`,
  )
}

/** The format that a file is written in, by the end of its name; by default the first one. */
export const formatFor = (path: string): Format =>
  formats.find(({ endings }) => endings.some((ending) => path.toLowerCase().endsWith(ending))) ?? (formats[0] as Format)
