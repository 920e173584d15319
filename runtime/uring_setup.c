// SPDX-License-Identifier: MIT
#include "runtime/uring_setup.h"

#include <errno.h>
#include <stdint.h>
#include <time.h>

#include "runtime/clock.h"

#define RING_SMALLEST 8u
#define CQ_FACTOR 4u	 /* completions per submission entry */
#define SETUP_TRIES 10	 /* at the smallest size, while memory is short … */
#define SETUP_PAUSE_MS 5 /* … this long after each */

/* The best set of flags that the kernel accepts, for `entries`. */
static int setup_flags(struct io_uring *ring, unsigned entries)
{
	static const unsigned sets[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
			IORING_SETUP_SUBMIT_ALL,
		0,
	};
	int err = -EINVAL;

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		struct io_uring_params params = {
			.flags = sets[i] | IORING_SETUP_CQSIZE |
				 IORING_SETUP_CLAMP,
			.cq_entries = entries * CQ_FACTOR,
		};
		err = io_uring_queue_init_params(entries, ring, &params);
		if (err != -EINVAL)
			break;
	}
	return err;
}

/* A filter may allow the setup and refuse the use: a ring counts only when a
 * first operation has gone through it. */
static int try_out(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;

	io_uring_prep_nop(io_uring_get_sqe(ring));
	int res = io_uring_submit_and_wait(ring, 1);
	if (res >= 0)
		res = io_uring_peek_cqe(ring, &cqe);
	if (res >= 0) {
		res = cqe->res;
		io_uring_cqe_seen(ring, cqe);
	}
	if (res < 0)
		io_uring_queue_exit(ring);
	return res < 0 ? res : 0;
}

int uring_setup(struct io_uring *ring, unsigned entries, bool patient)
{
	int tries = patient ? SETUP_TRIES : 0;
	int err;

	if (entries < RING_SMALLEST)
		entries = RING_SMALLEST;
	while ((err = setup_flags(ring, entries)) == -ENOMEM) {
		if (entries > RING_SMALLEST) {
			entries /= 2;
			continue;
		}
		if (tries-- == 0)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = SETUP_PAUSE_MS *
							 CLOCK_NS_PER_MS },
			  NULL);
	}
	return err ? err : try_out(ring);
}

#define REGISTER_CLOCK 29

struct register_clock {
	uint32_t clockid;
	uint32_t resv[3];
};

bool uring_set_clock(struct io_uring *ring, int clock_id)
{
	struct register_clock clock = { .clockid = (uint32_t)clock_id };

	return io_uring_register((unsigned)ring->ring_fd, REGISTER_CLOCK,
				 &clock, 0) == 0;
}

/* Of all that is used, what came last: Linux 5.15. */
bool uring_knows_all(struct io_uring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	bool known = probe &&
		     io_uring_opcode_supported(probe, IORING_OP_MKDIRAT);

	io_uring_free_probe(probe);
	return known;
}
