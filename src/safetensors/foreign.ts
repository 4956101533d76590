import { ClipSoupError } from "../errors.ts";
import { DOWNLOAD_AGAIN } from "./header-error.ts";
import { quote } from "./quote.ts";

/** Enough for every signature below; the furthest is tar's at 257. */
export const FOREIGN_PREFIX_BYTE_LENGTH = 512;

interface ForeignFormat {
	readonly what: string;
	/** Whether the first bytes of a file, given as one character per byte, are of this format. */
	readonly matches: (head: string) => boolean;
	readonly fix: string;
}

const CONVERT_PICKLE =
	"load it where it may run code (torch.load(..., weights_only=True)) and save it with safetensors.torch.save_file, " +
	"or take the .safetensors file of the same model";
const UNPACK = "unpack it and give the .safetensors file inside";
const TAKE_WEIGHTS = "give the .safetensors file of the same model";
const DOWNLOAD_WITH_TOKEN = `${DOWNLOAD_AGAIN}, with a token if the model is gated`;

const UTF8_MARK = "\xef\xbb\xbf";

const FORMATS: readonly ForeignFormat[] = [
	{ what: "an empty file", matches: (head) => head === "", fix: DOWNLOAD_AGAIN },
	{
		what: "a Git LFS pointer in place of the file",
		matches: startsWith("version https://git-lfs.github.com/spec/"),
		fix: "run `git lfs pull` in the clone",
	},
	{
		what: "a web page",
		matches: textMatches(/^<(?:!doctype html|html|head|body|!--)/i),
		fix: DOWNLOAD_WITH_TOKEN,
	},
	{
		what: "an XML document, which storage services send as an error",
		matches: textMatches(/^<(?:\?xml|Error>)/),
		fix: DOWNLOAD_WITH_TOKEN,
	},
	{
		what: "a zip archive, as PyTorch saves .pt and .bin files",
		matches: startsWith("PK\x03\x04", "PK\x05\x06"),
		fix: CONVERT_PICKLE,
	},
	{
		what: "a Python pickle, as old PyTorch saves .pt and .bin files",
		matches: startsWith("\x80\x02", "\x80\x03", "\x80\x04", "\x80\x05"),
		fix: CONVERT_PICKLE,
	},
	{ what: "a GGUF file", matches: startsWith("GGUF"), fix: TAKE_WEIGHTS },
	{ what: "an HDF5 file, as Keras saves .h5 files", matches: startsWith("\x89HDF\r\n\x1a\n"), fix: TAKE_WEIGHTS },
	{ what: "a NumPy array", matches: startsWith("\x93NUMPY"), fix: "save it with safetensors.numpy.save_file" },
	{ what: "a gzip archive", matches: startsWith("\x1f\x8b"), fix: UNPACK },
	{ what: "a zstd archive", matches: startsWith("\x28\xb5\x2f\xfd"), fix: UNPACK },
	{ what: "an xz archive", matches: startsWith("\xfd7zXZ\0"), fix: UNPACK },
	{ what: "a tar archive", matches: (head) => head.startsWith("ustar", 257), fix: UNPACK },
	{
		what: "JSON text, such as a config or a shard index",
		matches: textMatches(/^(?:\{\s*["}]|\[\s*["{[\]])/),
		fix: TAKE_WEIGHTS,
	},
];

/**
 * Names the other format of a file that is no valid safetensors file, and what to do about it; undefined when none fits.
 *
 * A file that opens like safetensors is a damaged one, even where its length field happens to spell a signature.
 */
export function foreignFormatError(prefix: Buffer, file: string, cause: ClipSoupError): ClipSoupError | undefined {
	const head = prefix.toString("latin1", 0, FOREIGN_PREFIX_BYTE_LENGTH);
	const format = opensLikeSafetensors(head) ? undefined : FORMATS.find(({ matches }) => matches(head));
	if (format === undefined) return undefined;
	const { what, fix } = format;
	return new ClipSoupError(
		"ERR_FOREIGN_FORMAT",
		`Cannot read ${quote(file)}: found ${what}, expected a safetensors file`,
		{ fix, details: { file, found: what }, cause },
	);
}

/** A length below 2^32, then an object, perhaps after white space. */
function opensLikeSafetensors(head: string): boolean {
	return head.startsWith("\0\0\0\0", 4) && head.slice(8).trimStart().startsWith("{");
}

function startsWith(...signatures: readonly string[]): (head: string) => boolean {
	return (head) => signatures.some((signature) => head.startsWith(signature));
}

function textMatches(pattern: RegExp): (head: string) => boolean {
	return (head) => pattern.test((head.startsWith(UTF8_MARK) ? head.slice(UTF8_MARK.length) : head).trimStart());
}
