// valibot by its smaller build. Every start reads and decodes it, and the large one (206 KB instead of 84) costs 2 of 25 ms
// more; by a path, for a bare name is looked up in each folder anew.
export * from '../node_modules/valibot/dist/index.min.mjs'
