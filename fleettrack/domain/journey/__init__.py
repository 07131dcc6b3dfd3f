"""The second fold (design 6): the journey of a consignment, from what is known of it to effective custody."""

from fleettrack.domain.journey.run import journey as journey
