/** @inline Settings as they were given or as they are by default. */
export type Settings = Readonly<Record<string, number | string | undefined>>

/** A value that stands for something that layers make: a class by its name, and its settings. */
export class Described {
  readonly className: string
  readonly #config: Settings

  constructor(className: string, config: Settings) {
    this.className = className
    this.#config = config
  }

  getClassName(): string {
    return this.className
  }

  getConfig(): Settings {
    return { ...this.#config }
  }
}
