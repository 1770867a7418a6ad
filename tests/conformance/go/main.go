// Conformance checks a log that lading wrote with golang.org/x/mod/sumdb/note and tlog alone.
//
// It reads one request as JSON from standard input, works on the folder of static tiles it names, and answers with
// JSON on standard output. What it finds wrong is named under "problems"; an empty list means that everything held.
package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

// Request is what is to be checked.
type Request struct {
	Folder      string        // holds checkpoint and tile/
	Minimum     int64         // the folder's minimum index: entries before it may lack
	Keys        []string      // verifier keys of the log and of witnesses
	Inclusion   []Inclusion   // lading's proofs of entries
	Consistency []Consistency // lading's proofs that the log only grew
	Notes       [][]byte      // notes of which only is asked whether they open
}

// Inclusion is one entry with lading's proof under the folder's checkpoint.
type Inclusion struct {
	Index int64
	Leaf  []byte
	Proof [][]byte
}

// Consistency is lading's proof between two sizes of the log.
type Consistency struct {
	Old, New         int64
	OldRoot, NewRoot []byte
	Proof            [][]byte
}

// Answer is what was found.
type Answer struct {
	Origin   string
	Size     int64
	Signers  []string
	Opened   []bool
	Problems []string
}

func main() {
	var request Request
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	answer := Answer{Signers: []string{}, Opened: []bool{}, Problems: []string{}}
	check(&request, &answer)
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func check(request *Request, answer *Answer) {
	report := func(format string, args ...any) {
		answer.Problems = append(answer.Problems, fmt.Sprintf(format, args...))
	}
	verifiers, err := parseKeys(request.Keys)
	if err != nil {
		report("keys: %v", err)
		return
	}
	for _, text := range request.Notes {
		_, err := note.Open(text, verifiers)
		answer.Opened = append(answer.Opened, err == nil)
	}
	if request.Folder == "" {
		return
	}
	tree, err := openCheckpoint(request.Folder, verifiers, answer)
	if err != nil {
		report("checkpoint: %v", err)
		return
	}
	reader := tlog.TileHashReader(tree, &folder{request.Folder})
	if request.Minimum > 0 {
		checkPruned(request, tree, reader, report)
	} else {
		checkEntries(request, tree, reader, report)
	}
	checkInclusion(request.Inclusion, tree, reader, report)
	checkConsistency(request.Consistency, reader, report)
}

func openCheckpoint(dir string, verifiers note.Verifiers, answer *Answer) (tlog.Tree, error) {
	text, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(text, verifiers)
	if err != nil {
		return tlog.Tree{}, err
	}
	for _, signature := range opened.Sigs {
		answer.Signers = append(answer.Signers, signature.Name)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 {
		return tlog.Tree{}, fmt.Errorf("%d lines of text, want 3", len(lines)-1)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return tlog.Tree{}, err
	}
	answer.Origin, answer.Size = lines[0], size
	return tlog.Tree{N: size, Hash: root}, nil
}

// checkEntries rebuilds the root from the entry bundles.
func checkEntries(request *Request, tree tlog.Tree, reader tlog.HashReader, report func(string, ...any)) {
	var stored []tlog.Hash
	memory := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = stored[index]
		}
		return found, nil
	})
	for n := int64(0); n < tree.N; {
		leaves, err := readBundle(request.Folder, n>>tileHeight, tree.N)
		if err != nil {
			report("entries: %v", err)
			return
		}
		for _, leaf := range leaves {
			hashes, err := tlog.StoredHashes(n, leaf, memory)
			if err != nil {
				report("entry %d: %v", n, err)
				return
			}
			stored = append(stored, hashes...)
			n++
		}
	}
	if root, err := tlog.TreeHash(tree.N, memory); err != nil || root != tree.Hash {
		report("the entries have the root %v, the checkpoint says %v (%v)", root, tree.Hash, err)
	}
	if root, err := tlog.TreeHash(tree.N, reader); tree.N > 0 && (err != nil || root != tree.Hash) {
		report("the tiles have the root %v, the checkpoint says %v (%v)", root, tree.Hash, err)
	}
}

// checkPruned compares the entries that a pruned folder still has with its tiles, which lead to the root.
func checkPruned(request *Request, tree tlog.Tree, reader tlog.HashReader, report func(string, ...any)) {
	for n := request.Minimum >> tileHeight << tileHeight; n < tree.N; {
		leaves, err := readBundle(request.Folder, n>>tileHeight, tree.N)
		if err != nil {
			report("entries: %v", err)
			return
		}
		for _, leaf := range leaves {
			stored, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
			if err != nil || stored[0] != tlog.RecordHash(leaf) {
				report("entry %d is not the one in the tiles (%v)", n, err)
				return
			}
			n++
		}
	}
	if root, err := tlog.TreeHash(tree.N, reader); err != nil || root != tree.Hash {
		report("the tiles have the root %v, the checkpoint says %v (%v)", root, tree.Hash, err)
	}
}

// checkInclusion accepts lading's proofs, and compares them with those that tlog makes from the tiles.
func checkInclusion(proofs []Inclusion, tree tlog.Tree, reader tlog.HashReader, report func(string, ...any)) {
	for _, each := range proofs {
		leaf := tlog.RecordHash(each.Leaf)
		if err := tlog.CheckRecord(hashes(each.Proof), tree.N, tree.Hash, each.Index, leaf); err != nil {
			report("inclusion of %d: %v", each.Index, err)
		}
		rebuilt, err := tlog.ProveRecord(tree.N, each.Index, reader)
		if err != nil || !equal(rebuilt, each.Proof) {
			report("inclusion of %d: tlog proves it otherwise (%v)", each.Index, err)
		}
	}
}

func checkConsistency(proofs []Consistency, reader tlog.HashReader, report func(string, ...any)) {
	for _, each := range proofs {
		proof := tlog.TreeProof(hashes(each.Proof))
		if err := tlog.CheckTree(proof, each.New, hash(each.NewRoot), each.Old, hash(each.OldRoot)); err != nil {
			report("consistency of %d with %d: %v", each.New, each.Old, err)
		}
		rebuilt, err := tlog.ProveTree(each.New, each.Old, reader)
		if err != nil || !equal(rebuilt, each.Proof) {
			report("consistency of %d with %d: tlog proves it otherwise (%v)", each.New, each.Old, err)
		}
	}
}

// folder reads tiles as tlog-tiles lays them out: as tlog does, without the height in the path.
type folder struct{ path string }

func (*folder) Height() int { return tileHeight }

func (f *folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(tiles))
	for i, tile := range tiles {
		data, err := os.ReadFile(filepath.Join(f.path, strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			return nil, err
		}
		found[i] = data
	}
	return found, nil
}

func (*folder) SaveTiles([]tlog.Tile, [][]byte) {}

func readBundle(dir string, number, size int64) ([][]byte, error) {
	width := min(size-number<<tileHeight, 1<<tileHeight)
	path := tlog.Tile{H: tileHeight, L: 0, N: number, W: int(width)}.Path()
	data, err := os.ReadFile(filepath.Join(dir, strings.Replace(path, "tile/8/0/", "tile/entries/", 1)))
	if err != nil {
		return nil, err
	}
	var leaves [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("bundle %d is cut short", number)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		leaves = append(leaves, data[2:end])
		data = data[end:]
	}
	if int64(len(leaves)) != width {
		return nil, fmt.Errorf("bundle %d holds %d entries, want %d", number, len(leaves), width)
	}
	return leaves, nil
}

// parseKeys adds cosignature/v1 (type 04), which note does not know by itself.
func parseKeys(vkeys []string) (note.Verifiers, error) {
	var known []note.Verifier
	for _, vkey := range vkeys {
		parts := strings.SplitN(vkey, "+", 3)
		if len(parts) != 3 {
			return nil, fmt.Errorf("%q is no verifier key", vkey)
		}
		material, err := base64.StdEncoding.DecodeString(parts[2])
		if err == nil && len(material) == 1+ed25519.PublicKeySize && material[0] == 4 {
			id, err := strconv.ParseUint(parts[1], 16, 32)
			if err != nil {
				return nil, err
			}
			known = append(known, &witness{parts[0], uint32(id), material[1:]})
			continue
		}
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			return nil, err
		}
		known = append(known, verifier)
	}
	return note.VerifierList(known...), nil
}

// witness verifies cosignatures (tlog-cosignature, v1).
type witness struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.id }

func (w *witness) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(signature), text)
	return ed25519.Verify(w.key, []byte(signed), signature[8:])
}

func hash(data []byte) (h tlog.Hash) {
	copy(h[:], data)
	return h
}

func hashes(proof [][]byte) []tlog.Hash {
	found := make([]tlog.Hash, len(proof))
	for i, each := range proof {
		found[i] = hash(each)
	}
	return found
}

func equal(rebuilt []tlog.Hash, proof [][]byte) bool {
	if len(rebuilt) != len(proof) {
		return false
	}
	for i, each := range rebuilt {
		if !bytes.Equal(each[:], proof[i]) {
			return false
		}
	}
	return true
}
