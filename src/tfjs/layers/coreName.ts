/** Names as ours are: without slashes, which separate the parts of a weight's name. */
export const coreName = (name: string): string => name.replaceAll('/', '.')
