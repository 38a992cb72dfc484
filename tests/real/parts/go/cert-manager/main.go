// Command cert-manager runs cert-manager's own controllers outside a cluster.
//
// cert-manager publishes its libraries as a module, but not the modules of its programs, so this program is what starts
// them. It takes the flags of the published controller, as far as a test wants to set them, with the published defaults.
// Left out are the issuers of Vault and Venafi, whose libraries nothing else needs, and the controllers for Ingress, the
// Gateway API and CertificateSigningRequests.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"github.com/cert-manager/cert-manager/pkg/controller"
	dnsutil "github.com/cert-manager/cert-manager/pkg/issuer/acme/dns/util"
	logf "github.com/cert-manager/cert-manager/pkg/logs"

	// A controller or a kind of issuer takes part once its package is there.
	_ "github.com/cert-manager/cert-manager/pkg/controller/acmechallenges"
	_ "github.com/cert-manager/cert-manager/pkg/controller/acmeorders"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/acme"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/acme"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
)

func main() {
	logf.InitLogs()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(logf.NewContext(ctx, logf.Log), os.Args[1:])
	stop()
	logf.FlushLogs()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "cert-manager:", err)
		os.Exit(1)
	}
}

// run starts all controllers, without the election of a leader: there is only one of this program.
func run(ctx context.Context, arguments []string) error {
	settings, workers, err := settings(arguments)
	if err != nil {
		return err
	}
	factory, err := controller.NewContextFactory(ctx, settings)
	if err != nil {
		return err
	}
	shared, err := factory.Build()
	if err != nil {
		return err
	}

	running, ctx := errgroup.WithContext(ctx)
	for name, construct := range controller.Known() {
		loop, err := construct(factory)
		if err != nil {
			return fmt.Errorf("controller %s: %w", name, err)
		}
		running.Go(func() error {
			if err := loop.Run(workers, ctx); err != nil {
				return fmt.Errorf("controller %s: %w", name, err)
			}
			return nil
		})
	}
	// Only now have all controllers said what they want to be told of.
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	return running.Wait()
}

func settings(arguments []string) (controller.ContextOptions, int, error) {
	var result controller.ContextOptions
	var workers int
	var nameserversOnly bool
	flags := pflag.NewFlagSet("cert-manager", pflag.ContinueOnError)
	flags.StringVar(&result.Kubeconfig, "kubeconfig", "", "the cluster to work on")
	flags.StringVar(&result.ClusterResourceNamespace, "cluster-resource-namespace", "kube-system", "where the secrets of ClusterIssuers are")
	flags.BoolVar(&result.ClusterIssuerAmbientCredentials, "cluster-issuer-ambient-credentials", true, "let ClusterIssuers use the environment's credentials")
	flags.BoolVar(&result.IssuerAmbientCredentials, "issuer-ambient-credentials", false, "let Issuers use the environment's credentials")
	flags.StringSliceVar(&result.DNS01Nameservers, "dns01-recursive-nameservers", dnsutil.RecursiveNameservers, "whom to ask about DNS")
	flags.BoolVar(&nameserversOnly, "dns01-recursive-nameservers-only", false, "never ask a zone's own nameservers")
	flags.DurationVar(&result.DNS01CheckRetryPeriod, "dns01-check-retry-period", 10*time.Second, "how often to look for the challenge's record")
	flags.DurationVar(&result.CertificateRequestMinimumBackoffDuration, "certificate-request-minimum-backoff-duration", time.Hour, "how long to wait after the first failure")
	flags.DurationVar(&result.CertificateRequestMaximumBackoffDuration, "certificate-request-maximum-backoff-duration", 32*time.Hour, "how long to wait at most after more")
	flags.StringSliceVar(&result.CopiedAnnotationPrefixes, "copied-annotation-prefixes", []string{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"}, "which annotations to hand down")
	flags.IntVar(&result.MaxConcurrentChallenges, "max-concurrent-challenges", 60, "how many challenges to meet at once")
	flags.IntVar(&workers, "concurrent-workers", 5, "how many workers each controller has")
	if err := flags.Parse(arguments); err != nil {
		return result, 0, err
	}
	if result.Kubeconfig == "" {
		return result, 0, errors.New("--kubeconfig is missing")
	}
	result.DNS01CheckAuthoritative = !nameserversOnly
	// For clusters without priority and fairness, as the published program has them.
	result.KubernetesAPIQPS, result.KubernetesAPIBurst = 20, 50
	return result, workers, nil
}
