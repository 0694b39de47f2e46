package mcpgateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// isSame says whether a file has not changed, and no other one has been put in its place; nil = it was not looked at yet.
func isSame(file, before fs.FileInfo) bool {
	return before != nil && os.SameFile(file, before) && file.ModTime().Equal(before.ModTime()) && file.Size() == before.Size()
}

// tokenFile holds a JWT-SVID that another program keeps fresh.
type tokenFile struct {
	path  string
	mutex sync.Mutex
	stamp fs.FileInfo
	text  string
}

func (f *tokenFile) token(context.Context) (string, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	stamp, err := os.Stat(f.path)
	if err == nil && !isSame(stamp, f.stamp) {
		var text []byte
		if text, err = os.ReadFile(f.path); err == nil {
			if said := strings.TrimSpace(string(text)); tokenShape.MatchString(said) {
				f.text, f.stamp = said, stamp
			} else {
				err = errors.New("it holds no token")
			}
		}
	}
	if f.text != "" {
		return f.text, nil // a file that is being replaced: the former token holds until it does not
	}
	return "", err
}

type filePaths struct{ cert, key, ca string }

func svidFolder(folder string) filePaths {
	return filePaths{cert: filepath.Join(folder, "svid.pem"), key: filepath.Join(folder, "svid_key.pem"), ca: filepath.Join(folder, "bundle.pem")}
}

// certificates are what a TLS handshake needs, newest first and only.
type certificates interface {
	certificate() (*tls.Certificate, error) // nil = this client has none
	roots() (*x509.CertPool, error)         // nil = the system's
	spiffeID() string
	renewed() bool // since it was last asked
}

// fileCertificates are read again when a file changes; a set that does not fit together, as while it is being replaced, is passed over.
type fileCertificates struct {
	paths  filePaths
	mutex  sync.Mutex
	stamps [3]fs.FileInfo
	pair   *tls.Certificate
	pool   *x509.CertPool
	id     string
	fresh  bool
}

func newFileCertificates(paths filePaths) (*fileCertificates, error) {
	f := &fileCertificates{paths: paths}
	if err := f.read(); err != nil {
		return nil, err
	}
	f.fresh = false
	return f, nil
}

// read takes the files if they have changed; under the mutex, or before anybody else knows of f.
func (f *fileCertificates) read() error {
	var stamps [3]fs.FileInfo
	changed := false
	for i, path := range []string{f.paths.cert, f.paths.key, f.paths.ca} {
		if path == "" {
			continue
		}
		stamp, err := os.Stat(path)
		if err != nil {
			return misconfigured(err, "a file of the certificate, key or authorities cannot be read")
		}
		stamps[i] = stamp
		changed = changed || !isSame(stamp, f.stamps[i])
	}
	if !changed {
		return nil
	}
	pair, id, err := readPair(f.paths)
	if err != nil {
		return err
	}
	pool, err := readPool(f.paths.ca)
	if err != nil {
		return err
	}
	f.stamps, f.pair, f.pool, f.id, f.fresh = stamps, pair, pool, id, true
	return nil
}

func readPair(paths filePaths) (*tls.Certificate, string, error) {
	if paths.cert == "" {
		return nil, "", nil
	}
	pair, err := tls.LoadX509KeyPair(paths.cert, paths.key)
	if err != nil {
		return nil, "", misconfigured(err, "the certificate and its key cannot be used: both are PEM, and belong together")
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, "", misconfigured(err, "the certificate cannot be read")
		}
	}
	return &pair, uriOf(pair.Leaf), nil
}

func readPool(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, misconfigured(err, "the file of authorities cannot be read")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, misconfigured(nil, "the file of authorities holds no certificate in PEM")
	}
	return pool, nil
}

func (f *fileCertificates) certificate() (*tls.Certificate, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	_ = f.read()
	return f.pair, nil
}

func (f *fileCertificates) roots() (*x509.CertPool, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	_ = f.read()
	return f.pool, nil
}

func (f *fileCertificates) spiffeID() string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.id
}

func (f *fileCertificates) renewed() bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	_ = f.read()
	fresh := f.fresh
	f.fresh = false
	return fresh
}

func uriOf(leaf *x509.Certificate) string {
	for _, uri := range leaf.URIs {
		if checkSPIFFEID(uri.String()) == nil {
			return uri.String()
		}
	}
	return ""
}
