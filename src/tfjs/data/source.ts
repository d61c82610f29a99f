// Where data sets of lines come from.
import { streamText } from '../../data/textFile.js'
import { describe, SeqloomError, visible } from '../../errors.js'
import { pathOfFileUrl } from '../io/files.js'

/** What `CSVDataset` and `TextLineDataset` read. */
export abstract class DataSource {
  /** @internal Its text, piece by piece. */
  abstract text(): AsyncIterable<string>
}

/** A file, `file://path`, or the bytes of one. */
export class FileDataSource extends DataSource {
  readonly #input: string | Uint8Array

  constructor(input: string | Uint8Array, _options?: object) {
    super()
    if (typeof input !== 'string' && !(input instanceof Uint8Array)) {
      throw new SeqloomError(
        'ERR_OPTION',
        `FileDataSource: expected a file:// address or bytes, not ${describe(input)}`,
      )
    }
    this.#input = input
  }

  override async *text(): AsyncGenerator<string> {
    if (typeof this.#input === 'string') yield* textOf(this.#input)
    else yield new TextDecoder().decode(this.#input)
  }
}

/** An address, `http(s)://…` or `file://…`. */
export class URLDataSource extends DataSource {
  readonly #url: string

  constructor(url: string | { readonly url: string }, _fileOptions?: object) {
    super()
    this.#url = typeof url === 'string' ? url : url.url
  }

  override text(): AsyncIterable<string> {
    return textOf(this.#url)
  }
}

/** @inline A source, or the address of one: `file://…`, a path or `http://…`. */
export type Source = string | DataSource

/** The text of a source, piece by piece. */
export async function* textOf(source: Source): AsyncGenerator<string> {
  if (typeof source !== 'string') {
    yield* source.text()
    return
  }
  if (!/^https?:/i.test(source)) {
    yield* streamText(source.startsWith('file://') ? pathOfFileUrl(source) : source, {})
    return
  }
  let response: Response
  try {
    response = await fetch(source)
  } catch (cause) {
    throw new SeqloomError('ERR_IO', `data.csv: ${visible(source)} cannot be read: ${(cause as Error).message}`, {
      cause,
    })
  }
  if (!response.ok || response.body === null) {
    throw new SeqloomError('ERR_IO', `data.csv: ${visible(source)}: ${response.status} ${visible(response.statusText)}`)
  }
  const decoder = new TextDecoder()
  for await (const bytes of response.body) yield decoder.decode(bytes as Uint8Array, { stream: true })
  yield decoder.decode()
}
